/* From a stored image to the pixels of a crop, in one pass.
 *
 * A JPEG is decoded only where the crop needs it: rows and columns by libjpeg-turbo's partial
 * decoding, and, in files with restart markers, by cutting the region's entropy-coded segments out
 * of the file, so that the rest is not even Huffman-decoded. A crop of more than 6 (12, 24) times
 * the target is decoded at half (a quarter, an eighth) of its size by a smaller inverse DCT.
 *
 * Resizing is separable with Pillow's filters (antialiased bilinear or bicubic, nearest) in 16 bit
 * fixed point. All arithmetic on pixels is integer and the same in the AVX2 and the portable
 * version, so that pixels do not depend on the processor. Nothing here is compiled for one machine:
 * the AVX2 version is chosen when the program runs.
 *
 * Plain functions for ctypes; the module itself is empty. Threads share no state.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_AVX2 1
#define CLONES __attribute__((target_clones("avx2", "default")))
#else
#define HAVE_AVX2 0
#define CLONES
#endif

#define EXPORT __attribute__((visibility("default")))
#define LANES 16 /* output rows that are worked on together */

/* What went wrong with an image; datamodules/decoding/native.py has the sentences. */
enum { FINE = 0, CORRUPT = 1, OTHER_SIZE = 2, NO_MEMORY = 3, BAD_CROP = 4, CMYK = 5, UNSUPPORTED = 6 };
enum { NEAREST = 0, BILINEAR = 1, BICUBIC = 2 };
enum { JPG = 0, RAW = 1 };

/* One stored image and its crop. Mirrored by datamodules/decoding/native.py. */
typedef struct {
    int64_t address, size; /* of the stored bytes */
    int64_t mode, height, width, index;
} Job;

/* left, top, right, bottom: the crop in source pixels; clip: its filter reads no pixel outside */
typedef struct {
    float left, top, right, bottom;
    int32_t clip, flip;
} Crop;

typedef struct {
    const Crop *crops; /* one for each sample index */
    uint8_t *codes;    /* what went wrong, for each sample index; 0 is nothing */
    int32_t side, filter, threads;
    int32_t planar;  /* 1: (C, H, W), 0: (H, W, C) */
    int32_t floats;  /* 1: normalised float32, 0: uint8 */
    float scale[3], shift[3]; /* float output: pixel * scale + shift */
    int32_t restart;  /* 0: never cut at restart markers (for measurements) */
    int32_t portable; /* 1: never AVX2 (for tests) */
} Options;

/* ---- JPEG ------------------------------------------------------------------------------------ */

typedef struct {
    struct jpeg_error_mgr manager;
    jmp_buf jump;
    int code;  /* of the error that jumped */
    int lost;  /* a warning said that pixels are lost */
    int ended; /* a warning said that the file ends without its end marker */
} Errors;

static void on_error(j_common_ptr info)
{
    Errors *errors = (Errors *)info->err;
    switch (info->err->msg_code) {
    case JERR_OUT_OF_MEMORY:
        errors->code = NO_MEMORY;
        break;
    case JERR_SOF_UNSUPPORTED:
    case JERR_BAD_PRECISION:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_FRACT_SAMPLE_NOTIMPL:
    case JERR_CCIR601_NOTIMPL:
    case JERR_NOT_COMPILED:
        errors->code = UNSUPPORTED;
        break;
    default:
        errors->code = CORRUPT;
    }
    longjmp(errors->jump, 1);
}

/* The warnings after which pixels are not those that were written. The others are about headers
 * that say something odd ("Invalid SOS parameters") or bytes between markers, and hurt nothing.
 * A file without an end only lacks pixels if a decoder asks for more bits, which warns again; of
 * one with several scans whole scans may be missing (see `incomplete`). */
static void on_message(j_common_ptr info, int level)
{
    Errors *errors = (Errors *)info->err;
    if (level >= 0)
        return;
    switch (info->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION:
        errors->lost = 1;
        break;
    case JWRN_JPEG_EOF:
        errors->ended = 1;
    }
}

static void on_output(j_common_ptr info) { (void)info; }

static void set_errors(Errors *errors)
{
    jpeg_std_error(&errors->manager);
    errors->manager.error_exit = on_error;
    errors->manager.emit_message = on_message;
    errors->manager.output_message = on_output;
    errors->code = errors->lost = errors->ended = 0;
}

/* Whether pixels are lost, after jpeg_start_decompress and reading. */
static int incomplete(j_decompress_ptr info)
{
    Errors *errors = (Errors *)info->err;
    return errors->lost || (errors->ended && jpeg_has_multiple_scans(info));
}

typedef struct {
    uint8_t *data;
    size_t room;
} Buffer;

static int reserve(Buffer *buffer, size_t size)
{
    if (size <= buffer->room)
        return 1;
    free(buffer->data);
    buffer->room = 0;
    if (posix_memalign((void **)&buffer->data, 64, size + 64)) {
        buffer->data = NULL;
        return 0;
    }
    buffer->room = size;
    return 1;
}

/* Pixels of a region: rows of interleaved RGB. (x, y) is where the first lies in the image. */
typedef struct {
    const uint8_t *pixels;
    size_t stride;
    int x, y, width, height;
} Region;

/* What the header of a baseline JPEG with restart markers says. */
typedef struct {
    const uint8_t *sof, *scan; /* the SOF segment's content; the first entropy-coded byte */
    int width, height, mcu_width, mcu_height, columns, rows; /* in MCUs */
    int interval;
} Layout;

static int word(const uint8_t *p) { return p[0] << 8 | p[1]; }

/* Copies what a decoder needs of the header to `out`; 0 if this is no file that can be cut. */
static int read_layout(const uint8_t *data, size_t size, Layout *layout, Buffer *out, size_t *length)
{
    const uint8_t *p = data + 2, *end = data + size;
    int components = 0, horizontal = 1, vertical = 1, i;
    size_t sof_at = 0;
    memset(layout, 0, sizeof *layout);
    if (size < 4 || data[0] != 0xFF || data[1] != 0xD8)
        return 0;
    if (!reserve(out, size + 64))
        return 0;
    memcpy(out->data, data, 2);
    *length = 2;
    while (p + 4 <= end) {
        int marker = p[1], bytes = word(p + 2) + 2;
        if (p[0] != 0xFF || bytes < 4 || p + bytes > end)
            return 0;
        if (marker == 0xC0) {
            components = bytes >= 10 ? p[9] : 0;
            if ((components != 1 && components != 3) || bytes < 10 + 3 * components)
                return 0;
            layout->height = word(p + 5);
            layout->width = word(p + 7);
            sof_at = *length;
            for (i = 0; i < components; i++) {
                int sampling = p[11 + 3 * i];
                horizontal = sampling >> 4 > horizontal ? sampling >> 4 : horizontal;
                vertical = (sampling & 15) > vertical ? sampling & 15 : vertical;
            }
            if (components == 1)
                horizontal = vertical = 1; /* one component is never interleaved */
        } else if (marker > 0xC0 && marker < 0xD0 && marker != 0xC4 && marker != 0xC8) {
            return 0; /* progressive, arithmetic, lossless */
        } else if (marker == 0xDD) {
            layout->interval = word(p + 4);
        }
        /* application data but for JFIF's and Adobe's says nothing about pixels */
        if (!(marker > 0xE0 && marker <= 0xEF && marker != 0xEE) && marker != 0xFE) {
            memcpy(out->data + *length, p, bytes);
            *length += bytes;
        }
        p += bytes;
        if (marker == 0xDA) {
            /* all components in one scan, or columns of MCUs would mean something else */
            if (!sof_at || !layout->interval || p[-bytes + 4] != components)
                return 0;
            layout->scan = p;
            layout->sof = out->data + sof_at;
            layout->mcu_width = 8 * horizontal;
            layout->mcu_height = 8 * vertical;
            layout->columns = (layout->width + layout->mcu_width - 1) / layout->mcu_width;
            layout->rows = (layout->height + layout->mcu_height - 1) / layout->mcu_height;
            return layout->columns % layout->interval == 0;
        }
    }
    return 0;
}

/* Makes a smaller JPEG of the segments that cover the region; widens the region to their edges.
 * Returns its length in `out`, or 0 when the file cannot be cut. */
static size_t cut(const Job *job, Region *region, Buffer *out)
{
    Layout at;
    size_t length;
    int per_row, first_row, last_row, first, last, row, segment, number = 0;
    const uint8_t *data = (const uint8_t *)(intptr_t)job->address, *p, *start;
    const uint8_t *end = data + job->size;
    if (!read_layout(data, job->size, &at, out, &length))
        return 0;
    if (at.width != job->width || at.height != job->height)
        return 0; /* decoding the whole file says so */
    per_row = at.columns / at.interval;
    first = region->x / (at.mcu_width * at.interval);
    last = (region->x + region->width - 1) / (at.mcu_width * at.interval);
    first_row = region->y / at.mcu_height;
    last_row = (region->y + region->height - 1) / at.mcu_height;
    if (last >= per_row || last_row >= at.rows)
        return 0;
    start = p = at.scan;
    for (row = 0; row <= last_row; row++)
        for (segment = 0; segment < per_row; segment++) {
            for (;;) { /* to the next marker: 0xFF followed by something else than 0 */
                p = memchr(p, 0xFF, end - p);
                if (!p || p + 1 >= end)
                    return 0;
                if (p[1] == 0xFF) { /* fill bytes */
                    p++;
                    continue;
                }
                if (p[1])
                    break;
                p += 2;
            }
            if (row >= first_row && segment >= first && segment <= last) {
                memcpy(out->data + length, start, p - start);
                length += p - start;
                out->data[length++] = 0xFF;
                out->data[length++] = 0xD0 + (number++ & 7);
            }
            if (p[1] < 0xD0 || p[1] > 0xD7) { /* the end of the scan: only after the last one */
                if (row != at.rows - 1 || segment != per_row - 1)
                    return 0;
                break;
            }
            if (p[1] != 0xD0 + ((row * per_row + segment) & 7))
                return 0; /* a marker is lost: decoding the whole file says so */
            start = p += 2;
        }
    out->data[length - 1] = 0xD9; /* the last marker ends the file */
    region->x = first * at.mcu_width * at.interval;
    region->y = first_row * at.mcu_height;
    region->width = (last + 1) * at.mcu_width * at.interval;
    region->width = (region->width < at.width ? region->width : at.width) - region->x;
    region->height = (last_row + 1) * at.mcu_height;
    region->height = (region->height < at.height ? region->height : at.height) - region->y;
    out->data[(at.sof - out->data) + 5] = region->height >> 8;
    out->data[(at.sof - out->data) + 6] = region->height & 255;
    out->data[(at.sof - out->data) + 7] = region->width >> 8;
    out->data[(at.sof - out->data) + 8] = region->width & 255;
    return length;
}

typedef struct {
    Buffer pixels, file, columns, block, rows, tables;
} Worker;

/* Whether libjpeg-turbo decodes a part, or a reduced image, of this JPEG as it decodes the whole.
 * It does for what cameras and encoders write: one component, or up to 2 x 2 or 4 x 1 samples of
 * the first for one sample of each of the others. Nothing is said of files without a frame. */
static int divisible(const uint8_t *data, size_t size)
{
    const uint8_t *p = data + 2, *end = data + size;
    while (p + 4 <= end && p[0] == 0xFF) {
        int marker = p[1], bytes = word(p + 2) + 2, i;
        if (marker == 0xFF) { /* a fill byte */
            p++;
            continue;
        }
        if (marker >= 0xC0 && marker < 0xD0 && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) {
            if (bytes < 10 || p + bytes > end || !p[9] || bytes < 10 + 3 * p[9])
                return 1;
            if (p[9] == 1)
                return 1;
            int across = p[14] >> 4, down = p[14] & 15;
            for (i = 2; i < p[9]; i++)
                if (p[11 + 3 * i] != p[14])
                    return 0;
            if (!across || !down || (p[11] >> 4) % across || (p[11] & 15) % down)
                return 0;
            across = (p[11] >> 4) / across;
            down = (p[11] & 15) / down;
            return (across <= 2 && down <= 2) || (across == 4 && down == 1);
        }
        if (marker == 0xDA)
            return 1;
        p += bytes;
    }
    return 1;
}

/* Decodes what lies around the region of an image that is reduced by `reduction` (1, 2, 4, 8); with
 * `part` 0 all of it. The region is given and returned in pixels of the reduced image. Each image
 * has a decompressor of its own: libjpeg keeps the tables of the image before, and would give them
 * to one that has none. */
static int decode_region(Worker *worker, const Job *job, Region *region, int reduction, int restart,
                         int part)
{
    struct jpeg_decompress_struct decompressor, *info = &decompressor;
    Errors errors;
    volatile int code = FINE;
    const uint8_t *volatile data = (const uint8_t *)(intptr_t)job->address;
    volatile size_t size = job->size, length = 0;
    Region whole; /* in pixels of the whole image, with what chroma upsampling looks at */
    volatile int left = 0, top = 0;
    JDIMENSION x, width;
    int row, rows;
    const int margin = 2; /* pixels of the reduced image */

    whole.x = region->x > margin ? (region->x - margin) * reduction : 0;
    whole.y = region->y > margin ? (region->y - margin) * reduction : 0;
    whole.width = (region->x + region->width + margin) * reduction;
    whole.width = (whole.width < job->width ? whole.width : job->width) - whole.x;
    whole.height = (region->y + region->height + margin) * reduction;
    whole.height = (whole.height < job->height ? whole.height : job->height) - whole.y;
    if (part && restart && (length = cut(job, &whole, &worker->file))) {
        data = worker->file.data;
        size = length;
        left = whole.x / reduction; /* MCUs have 8 or more pixels: no remainder */
        top = whole.y / reduction;
    }
    memset(info, 0, sizeof *info); /* what may be destroyed, even if it cannot be created */
    set_errors(&errors);
    info->err = &errors.manager;
    if (setjmp(errors.jump)) {
        jpeg_destroy_decompress(info);
        return errors.code;
    }
    jpeg_create_decompress(info);
    jpeg_mem_src(info, data, size);
    jpeg_read_header(info, TRUE);
    if (!length && (info->image_width != job->width || info->image_height != job->height))
        code = OTHER_SIZE;
    else if (info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK)
        code = CMYK;
    if (code != FINE) {
        jpeg_destroy_decompress(info);
        return code;
    }
    info->out_color_space = JCS_RGB;
    info->scale_num = 1;
    info->scale_denom = reduction;
    jpeg_start_decompress(info);
    if (!part) {
        region->x = region->y = 0;
        region->width = info->output_width;
        region->height = info->output_height;
    }
    /* A little more at each side, since the upsampling of chroma looks at its neighbours. */
    x = region->x - left > margin ? region->x - left - margin : 0;
    width = region->x - left + region->width + margin;
    width = (width < info->output_width ? width : info->output_width) - x;
    if (x > 0 || width < info->output_width)
        jpeg_crop_scanline(info, &x, &width);
    rows = region->height;
    region->stride = ((size_t)info->output_width * 3 + 63) / 64 * 64;
    if ((int)info->output_height < region->y - top + rows)
        code = OTHER_SIZE;
    else if (!reserve(&worker->pixels, region->stride * rows + 64))
        code = NO_MEMORY;
    if (code != FINE) {
        jpeg_destroy_decompress(info);
        return code;
    }
    if (region->y - top > 0)
        jpeg_skip_scanlines(info, region->y - top);
    for (row = 0; row < rows;) {
        JSAMPROW lines[8];
        int i;
        for (i = 0; i < 8; i++)
            lines[i] = worker->pixels.data + region->stride * (row + i < rows ? row + i : rows - 1);
        row += jpeg_read_scanlines(info, lines, rows - row < 8 ? rows - row : 8);
    }
    region->pixels = worker->pixels.data;
    region->width = info->output_width;
    region->x = x + left;
    code = incomplete(info) ? CORRUPT : FINE;
    jpeg_destroy_decompress(info);
    return code;
}

/* ---- Resizing -------------------------------------------------------------------------------- */

/* For each of `count` outputs the first input and `taps` weights, 1.0 being 1 << 14. */
typedef struct {
    int taps;
    int32_t *first;
    int16_t *weights;
} Filter;

static double triangle(double x) { return fabs(x) < 1 ? 1 - fabs(x) : 0; }

static double cubic(double x) /* Keys, a = -0.5, as in Pillow */
{
    x = fabs(x);
    if (x < 1)
        return ((1.5 * x) - 2.5) * x * x + 1;
    return x < 2 ? (((-0.5 * x) + 2.5) * x - 4) * x + 2 : 0;
}

static int taps_of(double from, double to, int count, int kind)
{
    double scale = (to - from) / count, widening = scale > 1 ? scale : 1;
    return kind == NEAREST ? 1 : (int)ceil((kind == BICUBIC ? 2 : 1) * widening) * 2 + 1;
}

/* Pillow's coefficients for inputs from..to of which those in low..high may be read. */
static void make_filter(Filter *filter, double from, double to, int low, int high, int count, int kind)
{
    double scale = (to - from) / count, widening = scale > 1 ? scale : 1;
    double support = (kind == BICUBIC ? 2 : 1) * widening;
    int i, k;
    for (i = 0; i < count; i++) {
        double centre = from + (i + 0.5) * scale, total = 0, values[filter->taps];
        int16_t *weights = filter->weights + (size_t)i * filter->taps;
        int begin = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        int rest = 1 << 14, largest = 0;
        memset(weights, 0, filter->taps * sizeof *weights);
        if (kind == NEAREST) {
            begin = (int)floor(centre);
            begin = begin < low ? low : begin >= high ? high - 1 : begin;
            filter->first[i] = begin;
            weights[0] = 1 << 14;
            continue;
        }
        begin = begin < low ? low : begin > high - 1 ? high - 1 : begin;
        end = end > high ? high : end <= begin ? begin + 1 : end;
        for (k = begin; k < end && k - begin < filter->taps; k++) {
            double x = (k - centre + 0.5) / widening;
            total += values[k - begin] = kind == BICUBIC ? cubic(x) : triangle(x);
        }
        end = k;
        if (total == 0)
            total = values[0] = 1;
        for (k = 0; k < end - begin; k++) {
            weights[k] = (int16_t)lrint(values[k] / total * (1 << 14));
            rest -= weights[k];
            if (weights[k] > weights[largest])
                largest = k;
        }
        weights[largest] += rest; /* they add up to one exactly */
        filter->first[i] = begin;
    }
    /* All rows of the table have `taps` weights: those beyond the edge are zeros, moved inside. */
    for (i = 0; i < count; i++) {
        int over = filter->first[i] + filter->taps - high;
        int room = filter->first[i] - low;
        int16_t *weights = filter->weights + (size_t)i * filter->taps;
        over = over < room ? over : room;
        if (over > 0) {
            memmove(weights + over, weights, (filter->taps - over) * sizeof *weights);
            memset(weights, 0, over * sizeof *weights);
            filter->first[i] -= over;
        }
    }
}

static int16_t times(int16_t value, int16_t weight)
{
    return (int16_t)((((int32_t)value * weight >> 14) + 1) >> 1);
}

/* One row of the vertical pass: 255 becomes 255 << 7. Zero weights are passed over. */
static void vertical_portable(const Region *in, const Filter *filter, int row, int16_t *out)
{
    int x, k, bytes = in->width * 3;
    memset(out, 0, bytes * sizeof *out);
    for (k = 0; k < filter->taps; k++) {
        int16_t weight = filter->weights[(size_t)row * filter->taps + k];
        const uint8_t *line = in->pixels + in->stride * (filter->first[row] + k - in->y);
        if (weight)
            for (x = 0; x < bytes; x++)
                out[x] += times((int16_t)(line[x] << 7), weight);
    }
    for (x = 0; x < bytes; x++)
        out[x] = out[x] < 0 ? 0 : out[x] > 255 << 6 ? 255 << 7 : (int16_t)(out[x] * 2);
}

static uint8_t rounded(int value)
{
    value = (value + 32) >> 6;
    return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* Where output column x (of side * 3) lies in the image, and its horizontal filter's row. */
typedef struct {
    int side, flip, planar;
    const Filter *filter;
} Columns;

static int place(const Columns *columns, int pixel, int channel)
{
    int x = columns->flip ? columns->side - 1 - pixel : pixel;
    return columns->planar ? channel * columns->side + x : x * 3 + channel;
}

static void horizontal_portable(const Region *in, const Columns *columns, const int16_t *row, uint8_t *out)
{
    const Filter *filter = columns->filter;
    int pixel, channel, k;
    for (pixel = 0; pixel < columns->side; pixel++)
        for (channel = 0; channel < 3; channel++) {
            const int16_t *from = row + (filter->first[pixel] - in->x) * 3 + channel;
            const int16_t *weights = filter->weights + (size_t)pixel * filter->taps;
            int16_t sum = 0;
            for (k = 0; k < filter->taps; k++)
                sum += times(from[3 * k], weights[k]);
            out[place(columns, pixel, channel)] = rounded(sum);
        }
}

#if HAVE_AVX2
#define AVX2 __attribute__((target("avx2")))

AVX2 static void vertical_avx2(const Region *in, const Filter *filter, int row, int16_t *out)
{
    const int16_t *weights = filter->weights + (size_t)row * filter->taps;
    int first = 0, last = filter->taps, x, k, bytes = in->width * 3;
    const __m256i top = _mm256_set1_epi16(255 << 6);
    const uint8_t *base;
    while (first < last - 1 && !weights[first])
        first++;
    while (last > first + 1 && !weights[last - 1])
        last--;
    base = in->pixels + in->stride * (filter->first[row] + first - in->y);
    for (x = 0; x < bytes; x += 16) {
        /* the last step overlaps the one before, so that nothing behind the row is read */
        int at = x + 16 <= bytes ? x : bytes - 16;
        const uint8_t *line = base + at;
        __m256i sum = _mm256_setzero_si256();
        for (k = first; k < last; k++, line += in->stride) {
            __m256i pixels = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)line));
            __m256i weight = _mm256_set1_epi16(weights[k]);
            pixels = _mm256_mulhrs_epi16(_mm256_slli_epi16(pixels, 7), weight);
            sum = _mm256_add_epi16(sum, pixels);
        }
        sum = _mm256_min_epi16(_mm256_max_epi16(sum, _mm256_setzero_si256()), top);
        _mm256_storeu_si256((__m256i *)(out + at), _mm256_slli_epi16(sum, 1));
    }
}

/* Transposes 8x8 blocks in both halves: from[j] holds row j | row j + 8, to[j] column j of both. */
AVX2 static inline void transpose(const __m256i *from, __m256i *to)
{
    __m256i a[8], b[8];
    int i;
    for (i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_epi16(from[2 * i], from[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_epi16(from[2 * i], from[2 * i + 1]);
    }
    for (i = 0; i < 2; i++) {
        b[4 * i] = _mm256_unpacklo_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm256_unpackhi_epi32(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm256_unpacklo_epi32(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm256_unpackhi_epi32(a[4 * i + 1], a[4 * i + 3]);
    }
    for (i = 0; i < 4; i++) {
        to[2 * i] = _mm256_unpacklo_epi64(b[i], b[i + 4]);
        to[2 * i + 1] = _mm256_unpackhi_epi64(b[i], b[i + 4]);
    }
}

AVX2 static inline __m256i both(const int16_t *low, const int16_t *high)
{
    __m256i half = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)low));
    return _mm256_inserti128_si256(half, _mm_loadu_si128((const __m128i *)high), 1);
}

/* rows: 16 rows of the vertical pass -> columns: for each of their values 16 lanes. */
AVX2 static void to_columns(const int16_t *rows, size_t stride, int count, int16_t *columns)
{
    __m256i from[8], to[8];
    int x, i;
    for (x = 0; x < count; x += 8) {
        for (i = 0; i < 8; i++)
            from[i] = both(rows + i * stride + x, rows + (i + 8) * stride + x);
        transpose(from, to);
        for (i = 0; i < 8; i++)
            _mm256_store_si256((__m256i *)(columns + (size_t)(x + i) * LANES), to[i]);
    }
}

/* 16 rows at once: lanes are rows, so that a weight is one multiplication for all of them. */
AVX2 static void horizontal_avx2(const Region *in, const Columns *columns, const int16_t *lanes, int16_t *out)
{
    const Filter *filter = columns->filter;
    int pixel, channel, k;
    for (pixel = 0; pixel < columns->side; pixel++) {
        const int16_t *from = lanes + (size_t)(filter->first[pixel] - in->x) * 3 * LANES;
        const int16_t *weights = filter->weights + (size_t)pixel * filter->taps;
        __m256i sum[3] = {_mm256_set1_epi16(32), _mm256_set1_epi16(32), _mm256_set1_epi16(32)};
        for (k = 0; k < filter->taps; k++, from += 3 * LANES) {
            __m256i weight = _mm256_set1_epi16(weights[k]);
            for (channel = 0; channel < 3; channel++) {
                __m256i value = _mm256_load_si256((const __m256i *)(from + channel * LANES));
                sum[channel] = _mm256_add_epi16(sum[channel], _mm256_mulhrs_epi16(value, weight));
            }
        }
        for (channel = 0; channel < 3; channel++)
            _mm256_store_si256((__m256i *)(out + (size_t)place(columns, pixel, channel) * LANES),
                               _mm256_srai_epi16(sum[channel], 6));
    }
}

/* Lanes back to rows of bytes; `count` is a multiple of 16 and rows have room for it. */
AVX2 static void to_bytes(const int16_t *lanes, int count, uint8_t *rows, size_t stride)
{
    __m256i from[8], low[8], high[8];
    int x, i;
    for (x = 0; x < count; x += 16) {
        for (i = 0; i < 8; i++)
            from[i] = _mm256_load_si256((const __m256i *)(lanes + (size_t)(x + i) * LANES));
        transpose(from, low);
        for (i = 0; i < 8; i++)
            from[i] = _mm256_load_si256((const __m256i *)(lanes + (size_t)(x + 8 + i) * LANES));
        transpose(from, high);
        for (i = 0; i < 8; i++) {
            __m256i bytes = _mm256_packus_epi16(low[i], high[i]);
            _mm_storeu_si128((__m128i *)(rows + i * stride + x), _mm256_castsi256_si128(bytes));
            _mm_storeu_si128((__m128i *)(rows + (i + 8) * stride + x),
                             _mm256_extracti128_si256(bytes, 1));
        }
    }
}
#endif

/* Row of bytes -> row of normalised floats; scale and shift have a value for each column. */
CLONES static void to_floats(const uint8_t *restrict from, const float *restrict scale,
                             const float *restrict shift, int count, float *restrict to)
{
    int x;
    for (x = 0; x < count; x++)
        to[x] = from[x] * scale[x] + shift[x];
}

/* Up to 16 finished rows of bytes -> the output image, in its type and order of axes. */
static void emit(const Options *options, const uint8_t *rows, size_t stride, int first, int count,
                 const float *scale, const float *shift, void *out)
{
    int side = options->side, row, channel, strips = options->planar ? 3 : 1;
    int width = options->planar ? side : 3 * side;
    for (row = 0; row < count; row++)
        for (channel = 0; channel < strips; channel++) {
            size_t to = ((size_t)channel * side + first + row) * width;
            const uint8_t *from = rows + row * stride + (size_t)channel * width;
            if (options->floats)
                to_floats(from, scale + channel * width, shift + channel * width, width, (float *)out + to);
            else
                memcpy((uint8_t *)out + to, from, width);
        }
}

static size_t rounded_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

static int resize(Worker *worker, const Options *options, const Region *in, const Filter *vertical,
                  const Columns *columns, void *out)
{
    size_t stride = rounded_up((size_t)in->width * 3 + 16, 32);
    size_t values = rounded_up((size_t)options->side * 3, 16), x;
    int first, lane;
    float *scale, *shift;
#if HAVE_AVX2
    int fast = !options->portable && in->width * 3 >= 16 && __builtin_cpu_supports("avx2");
#else
    int fast = 0;
#endif
    if (!reserve(&worker->rows, LANES * (stride * 2 + values) + 2 * values * sizeof(float) + 256) ||
        !reserve(&worker->columns, stride * LANES * 2) || !reserve(&worker->block, values * LANES * 2))
        return NO_MEMORY;
    int16_t *rows = (int16_t *)worker->rows.data;
    uint8_t *bytes = worker->rows.data + LANES * stride * 2;
    scale = (float *)(bytes + LANES * values);
    shift = scale + values;
    for (x = 0; options->floats && x < (size_t)options->side * 3; x++) {
        scale[x] = options->scale[options->planar ? x / options->side : x % 3];
        shift[x] = options->shift[options->planar ? x / options->side : x % 3];
    }
    for (first = 0; first < options->side; first += LANES) {
        int count = options->side - first < LANES ? options->side - first : LANES;
        for (lane = 0; lane < count; lane++) {
            int16_t *row = rows + lane * stride;
#if HAVE_AVX2
            if (fast) {
                vertical_avx2(in, vertical, first + lane, row);
                continue;
            }
#endif
            vertical_portable(in, vertical, first + lane, row);
            horizontal_portable(in, columns, row, bytes + lane * values);
        }
#if HAVE_AVX2
        if (fast) {
            int16_t *lanes = (int16_t *)worker->columns.data, *block = (int16_t *)worker->block.data;
            to_columns(rows, stride, in->width * 3, lanes);
            horizontal_avx2(in, columns, lanes, block);
            to_bytes(block, values, bytes, values);
        }
#endif
        emit(options, bytes, values, first, count, scale, shift, out);
    }
    return FINE;
}

/* ---- One image, a batch ---------------------------------------------------------------------- */

static int clamp(double value, int low, int high)
{
    return value < low ? low : value > high ? high : (int)value;
}

/* The largest reduction that leaves OVERSAMPLING times as many pixels as the output has. With twice
 * as many, photographs differ from a full decode by 0.3 to 0.7 grey levels, with three times as many
 * by 0.1 to 0.2. */
#ifndef OVERSAMPLING
#define OVERSAMPLING 3.0
#endif
static int reduction_of(const Crop *crop, int side, int mode, int filter)
{
    double least = fmin(crop->right - crop->left, crop->bottom - crop->top) / side / OVERSAMPLING;
    return mode != JPG || filter == NEAREST || least < 2 ? 1 : least < 4 ? 2 : least < 8 ? 4 : 8;
}

static int work(Worker *worker, const Options *options, const Job *job, void *out)
{
    const Crop *crop = options->crops + job->index;
    int part = job->mode != JPG || divisible((const uint8_t *)(intptr_t)job->address, job->size);
    int reduction = part ? reduction_of(crop, options->side, job->mode, options->filter) : 1;
    int width = (job->width + reduction - 1) / reduction, side = options->side, code;
    int height = (job->height + reduction - 1) / reduction;
    double left = crop->left / reduction, right = crop->right / reduction;
    double top = crop->top / reduction, bottom = crop->bottom / reduction;
    int low_x = crop->clip ? clamp(left, 0, width - 1) : 0;
    int low_y = crop->clip ? clamp(top, 0, height - 1) : 0;
    int high_x = crop->clip ? clamp(ceil(right), low_x + 1, width) : width;
    int high_y = crop->clip ? clamp(ceil(bottom), low_y + 1, height) : height;
    Filter vertical, horizontal;
    Columns columns = {side, crop->flip, options->planar, &horizontal};
    Region region;
    size_t weights;

    if (!(right > left && bottom > top) || left < 0 || top < 0 || right > width + 1e-3 ||
        bottom > height + 1e-3 || job->width < 1 || job->height < 1)
        return BAD_CROP;
    vertical.taps = taps_of(top, bottom, side, options->filter);
    horizontal.taps = taps_of(left, right, side, options->filter);
    vertical.taps = vertical.taps < high_y - low_y ? vertical.taps : high_y - low_y;
    horizontal.taps = horizontal.taps < high_x - low_x ? horizontal.taps : high_x - low_x;
    weights = rounded_up((size_t)side * (vertical.taps + horizontal.taps), 4);
    if (!reserve(&worker->tables, weights * 2 + (size_t)side * 8))
        return NO_MEMORY;
    vertical.first = (int32_t *)worker->tables.data;
    horizontal.first = vertical.first + side;
    vertical.weights = (int16_t *)(horizontal.first + side);
    horizontal.weights = vertical.weights + (size_t)side * vertical.taps;
    make_filter(&vertical, top, bottom, low_y, high_y, side, options->filter);
    make_filter(&horizontal, left, right, low_x, high_x, side, options->filter);

    region.x = horizontal.first[0];
    region.width = horizontal.first[side - 1] + horizontal.taps - region.x;
    region.y = vertical.first[0];
    region.height = vertical.first[side - 1] + vertical.taps - region.y;
    if (job->mode == JPG) {
        code = decode_region(worker, job, &region, reduction, options->restart, part);
        if (code != FINE)
            return code;
    } else {
        if (job->size < job->width * job->height * 3)
            return OTHER_SIZE;
        region.stride = (size_t)job->width * 3;
        region.pixels = (const uint8_t *)(intptr_t)job->address + region.y * region.stride + (size_t)region.x * 3;
    }
    return resize(worker, options, &region, &vertical, &columns, out);
}

typedef struct {
    const Options *options;
    const Job *jobs;
    int64_t count;
    uint8_t *out;
    _Atomic int64_t next, failed;
} Batch;

static void *run(void *argument)
{
    Batch *batch = argument;
    const Options *options = batch->options;
    size_t bytes = (size_t)options->side * options->side * 3 * (options->floats ? 4 : 1);
    Worker *worker = calloc(1, sizeof *worker);
    int64_t i;
    while ((i = atomic_fetch_add(&batch->next, 1)) < batch->count) {
        uint8_t *out = batch->out + i * bytes;
        int code = worker ? work(worker, options, batch->jobs + i, out) : NO_MEMORY;
        if (code != FINE) {
            memset(out, 0, bytes); /* never the pixels of an earlier batch */
            atomic_fetch_add(&batch->failed, 1);
        }
        options->codes[batch->jobs[i].index] = code;
    }
    if (worker) {
        Buffer *buffers[] = {&worker->pixels, &worker->file, &worker->columns,
                             &worker->block, &worker->rows, &worker->tables};
        for (i = 0; i < 6; i++)
            free(buffers[i]->data);
        free(worker);
    }
    return NULL;
}

/* Crops of `count` stored images into `out`; returns how many failed (see options->codes). */
EXPORT int64_t crop_batch(const Options *options, const Job *jobs, int64_t count, void *out)
{
    Batch batch = {options, jobs, count, out, 0, 0};
    int threads = options->threads < count ? options->threads : (int)count, started = 0, i;
    pthread_t handles[threads > 1 ? threads - 1 : 1];
    for (i = 1; i < threads; i++)
        started += pthread_create(&handles[started], NULL, run, &batch) == 0;
    run(&batch);
    for (i = 0; i < started; i++)
        pthread_join(handles[i], NULL);
    return batch.failed;
}

/* ---- Whole files ----------------------------------------------------------------------------- */

/* Decodes a whole JPEG to RGB (height, width, 3); the code of what went wrong, else 0. Without
 * `out` all is decoded of which a reader could complain, of any size and colours, at an eighth of
 * its size: the answer is that of every crop. */
EXPORT int decode_whole(const uint8_t *data, int64_t size, uint8_t *out, int64_t height, int64_t width)
{
    struct jpeg_decompress_struct info;
    Errors errors;
    volatile int code = FINE;
    memset(&info, 0, sizeof info);
    set_errors(&errors);
    info.err = &errors.manager;
    if (setjmp(errors.jump)) {
        jpeg_destroy_decompress(&info);
        return errors.code;
    }
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data, size);
    jpeg_read_header(&info, TRUE);
    if (out && (info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK))
        code = CMYK;
    else if (out && (info.image_width != width || info.image_height != height))
        code = OTHER_SIZE;
    if (code == FINE) {
        info.out_color_space = out ? JCS_RGB : info.jpeg_color_space;
        info.scale_num = 1;
        info.scale_denom = out ? 1 : 8;
        jpeg_start_decompress(&info);
        JSAMPARRAY spare = (*info.mem->alloc_sarray)((j_common_ptr)&info, JPOOL_IMAGE,
                                                     info.output_width * info.output_components, 1);
        while (info.output_scanline < info.output_height) {
            JSAMPROW line = out ? out + (size_t)info.output_scanline * width * 3 : spare[0];
            jpeg_read_scanlines(&info, &line, 1);
        }
        code = incomplete(&info) ? CORRUPT : FINE;
    }
    jpeg_destroy_decompress(&info);
    return code;
}

/* The same coefficients as a baseline JPEG with a restart marker after every `interval` MCUs; 0
 * chooses the smallest divisor of a row's MCUs from 2 to 8, else 1. Returns its size, or -code. */
EXPORT int64_t transcode(const uint8_t *data, int64_t size, int64_t interval, uint8_t **out)
{
    struct jpeg_decompress_struct from;
    struct jpeg_compress_struct to;
    Errors errors;
    unsigned long length = (unsigned long)size + 65536;
    uint8_t *own = *out = malloc(length); /* an error would lose track of libjpeg's own memory */
    if (!own)
        return -NO_MEMORY;
    memset(&from, 0, sizeof from);
    memset(&to, 0, sizeof to);
    set_errors(&errors);
    from.err = to.err = &errors.manager;
    if (setjmp(errors.jump)) {
        jpeg_destroy_decompress(&from);
        jpeg_destroy_compress(&to);
        free(own);
        *out = NULL;
        return -errors.code;
    }
    jpeg_create_decompress(&from);
    jpeg_create_compress(&to);
    jpeg_mem_src(&from, data, size);
    jpeg_read_header(&from, TRUE);
    jvirt_barray_ptr *coefficients = jpeg_read_coefficients(&from);
    jpeg_mem_dest(&to, out, &length);
    jpeg_copy_critical_parameters(&from, &to);
    if (!interval) {
        int mcu = from.num_components == 1 ? 8 : 8 * from.max_h_samp_factor;
        int columns = (from.image_width + mcu - 1) / mcu, candidate;
        interval = 1;
        for (candidate = 8; candidate >= 2; candidate--)
            if (columns % candidate == 0)
                interval = candidate;
    }
    to.restart_interval = (unsigned)interval;
    to.optimize_coding = TRUE;
    jpeg_write_coefficients(&to, coefficients);
    jpeg_finish_compress(&to);
    int lost = incomplete(&from);
    jpeg_destroy_compress(&to);
    jpeg_destroy_decompress(&from);
    if (*out != own)
        free(own);
    if (lost) {
        free(*out);
        *out = NULL;
        return -CORRUPT;
    }
    return (int64_t)length;
}

EXPORT void release(uint8_t *memory) { free(memory); }

/* ---- Images in memory ------------------------------------------------------------------------ */

/* (x - mean) / deviation, each operation rounded as torch's sub_ and div_ do. */
CLONES static void normalise_row(const uint8_t *restrict from, float mean, float deviation, int count,
                                 float *restrict to)
{
    int x;
    for (x = 0; x < count; x++)
        to[x] = ((float)from[x] - mean) / deviation;
}

/* Gathers images (N, channels, height, width), moves a window by (top - pad, left - pad) with zeros
 * around, flips, and writes (count, channels, height, width): bytes, or floats if mean is given. */
EXPORT void gather(const uint8_t *pixels, const int64_t *indices, int64_t count, int64_t channels,
                   int64_t height, int64_t width, int64_t pad, const int64_t *top,
                   const int64_t *left, const uint8_t *flip, const float *mean,
                   const float *deviation, void *out)
{
    size_t image = (size_t)channels * height * width;
    uint8_t line[width];
    int64_t i, channel, row, x;
    for (i = 0; i < count; i++) {
        const uint8_t *from = pixels + indices[i] * image;
        int64_t down = top ? top[i] - pad : 0, right = left ? left[i] - pad : 0;
        int64_t begin = right < 0 ? -right : 0;
        int64_t end = right > 0 ? width - right : width;
        if (begin > end)
            begin = end = 0; /* the window sees only zeros */
        for (channel = 0; channel < channels; channel++)
            for (row = 0; row < height; row++) {
                size_t to = i * image + ((size_t)channel * height + row) * width;
                const uint8_t *source = from + ((size_t)channel * height + row + down) * width + right;
                const uint8_t *ready = line;
                if (row + down < 0 || row + down >= height) {
                    memset(line, 0, width);
                } else if (flip && flip[i]) {
                    memset(line, 0, width);
                    for (x = begin; x < end; x++)
                        line[width - 1 - x] = source[x];
                } else if (begin == 0 && end == width) {
                    ready = source;
                } else {
                    memset(line, 0, width);
                    memcpy(line + begin, source + begin, end - begin);
                }
                if (mean)
                    normalise_row(ready, mean[channel], deviation[channel], width, (float *)out + to);
                else
                    memcpy((uint8_t *)out + to, ready, width);
            }
    }
}

/* DECODER_VERSION of datamodules/catalog/loader_choice.py, which looks for it in the built file: raise both
 * numbers with every change of this file, so that nothing built from an older one is used. */
EXPORT const char decoder_version[] = "ablate decoder version 1";

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "datamodules.decoding._decode", NULL, -1, NULL,
                                    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__decode(void) { return PyModule_Create(&module); }
