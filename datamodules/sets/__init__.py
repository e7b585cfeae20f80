"""Reading data sets: arrays, image trees and betons; the split policy."""
