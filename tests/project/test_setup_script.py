"""Set-up on machines that this is not: an old Python, no root, a build that fails.

The script runs for real in a folder of its own, with a PATH that holds only stand-ins for the
interpreter and the system's package tools. The stand-ins write down how they were called.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.project import PROJECT

TOOLS = ("bash", "cat", "cut", "cp", "dirname", "env", "flock", "mkdir", "rm", "sha256sum", "true")

# Answers -c with the real interpreter under another version number; makes a venv of itself.
PYTHON = f"""#!/usr/bin/env bash
echo "python $*" >>"$CALLS"
case "$1 $2" in
    *"import ffcv"*) exit 0 ;;
    "-c "*) exec {sys.executable} -c "import sys, sysconfig  # its paths are the real version's
sys.version_info = ($FAKE_VERSION, 0)
$2" ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    *) [[ -z $FAIL || "$*" != *$FAIL* ]] ;;
esac
"""
RECORDER = """#!/usr/bin/env bash
echo "{name} $*" >>"$CALLS"
{then}
"""


@dataclass(frozen=True)
class Machine:
    """A folder with a copy of the project's set-up files and a PATH of stand-ins."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, then: str = "exit 0") -> None:
        """Put a stand-in on the PATH."""
        path = self.folder / "bin" / name
        path.write_text(then if then.startswith("#!") else RECORDER.format(name=name, then=then))
        path.chmod(0o755)

    def setup(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run the script once."""
        environment = {
            "PATH": str(self.folder / "bin"),
            "CALLS": str(self.folder / "calls"),
            "FAKE_VERSION": "3, 11",
            "FAIL": "",
        }
        return subprocess.run(
            ["bash", ".ci/setup.sh"],
            cwd=self.folder,
            env=environment | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[str]:
        """How the stand-ins were called since the last look."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def installs(self) -> list[str]:
        """The calls that install Python packages."""
        return [line for line in self.calls() if " install " in line and "python" in line]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A user's machine with Python 3.11, without root, sudo and FFCV's system packages."""
    for name in (".ci/setup.sh", "pyproject.toml", "requirements.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"this test needs {tool}"
        (tmp_path / "bin" / tool).symlink_to(found)
    machine = Machine(tmp_path)
    machine.add("python3", PYTHON)
    machine.add("id", "echo 1000")
    machine.add("apt-get")
    return machine


def give_ffcv_packages(machine: Machine) -> None:
    machine.add("g++")
    machine.add("pkg-config")


def test_a_python_that_is_too_old_is_refused_with_a_sentence(machine: Machine) -> None:
    result = machine.setup(FAKE_VERSION="3, 10")
    assert result.returncode == 1
    assert "Python 3.11 or 3.12 is needed" in result.stderr
    assert "python3 (python3.10)" in result.stderr
    assert "python3.12 (does not run)" in result.stderr
    assert "make PYTHON=" in result.stderr
    assert not (machine.folder / ".venv").exists()


def test_a_python_that_does_not_run_is_passed_over(machine: Machine) -> None:
    machine.add("python3", "exit 127")
    machine.add("python3.12", PYTHON)
    result = machine.setup(FAKE_VERSION="3, 12")
    assert result.returncode == 0, result.stderr
    assert "bin/python3.12 (python3.12)" in result.stderr


def test_the_python_that_is_asked_for_is_taken(machine: Machine) -> None:
    assert machine.setup().returncode == 0
    machine.add("mine", PYTHON.replace("$FAKE_VERSION", "3, 12"))
    result = machine.setup(PYTHON=str(machine.folder / "bin" / "mine"))
    assert result.returncode == 0
    assert "making .venv with" in result.stderr
    assert "bin/mine (python3.12)" in result.stderr


def test_without_root_and_sudo_it_names_the_packages_and_goes_on(machine: Machine) -> None:
    result = machine.setup()
    assert result.returncode == 0, result.stderr
    wanted = "apt-get install g++ pkg-config libopencv-dev libturbojpeg0-dev libjpeg-dev"
    assert f"going on without FFCV (optional). To have it, ask for: {wanted}" in result.stderr
    calls = machine.calls()
    assert any("--editable .[dev,slurm,onnx]" in call for call in calls)
    assert not any("ffcv]" in call for call in calls)
    assert not any(call.startswith("apt-get") for call in calls)


def test_root_installs_the_packages_and_builds_ffcv(machine: Machine) -> None:
    machine.add("id", "echo 0")
    bin_folder = machine.folder / "bin"
    then = f"[[ $* != *install* ]] || cp {bin_folder}/id {bin_folder}/g++"
    machine.add("apt-get", then)
    machine.add("pkg-config")
    result = machine.setup()
    assert result.returncode == 0, result.stderr
    calls = machine.calls()
    assert any(call.endswith("--no-install-recommends g++") for call in calls), calls
    assert any("--editable .[dev,slurm,onnx,ffcv]" in call for call in calls)


def test_sudo_is_used_when_it_asks_for_no_password(machine: Machine) -> None:
    machine.add("sudo", 'while [[ $1 == -* ]]; do shift; done; "$@"')
    machine.setup()
    assert any(call.startswith("sudo env") and "libopencv-dev" in call for call in machine.calls())


def test_a_failed_build_of_ffcv_stops_nothing_and_is_not_tried_again(machine: Machine) -> None:
    give_ffcv_packages(machine)
    result = machine.setup(FAIL="ffcv]")
    assert result.returncode == 0, result.stderr
    assert "FFCV did not build: going on without it" in result.stderr
    machine.calls()
    assert machine.setup(FAIL="ffcv]").stderr == ""
    assert machine.installs() == []


def test_ffcv_is_built_once_its_packages_are_there(machine: Machine) -> None:
    machine.setup()
    give_ffcv_packages(machine)
    machine.calls()
    assert "building FFCV" in machine.setup().stderr
    assert [call for call in machine.installs() if ".[dev,slurm,onnx,ffcv]" in call]


def test_the_second_call_installs_nothing(machine: Machine) -> None:
    give_ffcv_packages(machine)
    assert machine.setup().returncode == 0
    assert machine.installs()
    result = machine.setup()
    assert (result.returncode, result.stderr) == (0, "")
    assert machine.installs() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.lock"])
def test_a_change_of_the_requirements_is_installed(machine: Machine, name: str) -> None:
    machine.setup()
    machine.calls()
    with (machine.folder / name).open("a") as file:
        file.write("# changed\n")
    result = machine.setup()
    assert machine.installs()
    assert "making" not in result.stderr, "an up-to-date environment is kept"


def test_pip_takes_over_where_uv_fails(machine: Machine) -> None:
    result = machine.setup(FAIL="-m uv")
    assert result.returncode == 0, result.stderr
    assert "trying pip" in result.stderr
    assert any(
        "-m pip" in call and "--editable .[dev,slurm,onnx]" in call for call in machine.calls()
    )


def test_after_an_interrupted_installation_it_begins_anew(machine: Machine) -> None:
    assert machine.setup(FAIL="--editable").returncode != 0
    leftover = machine.folder / ".venv" / "half-a-package"
    leftover.touch()
    assert machine.setup().returncode == 0
    assert not leftover.exists()


def test_an_environment_of_someone_else_is_left_alone(machine: Machine) -> None:
    (machine.folder / "theirs").mkdir()
    result = machine.setup(VENV="theirs")
    assert result.returncode == 1
    assert "theirs exists and was not made by this script" in result.stderr
    assert list((machine.folder / "theirs").iterdir()) == []
