"""Flags of Theano's: where they are read, what becomes of them."""

import os
import subprocess
import sys
import types
import warnings
from pathlib import Path

import pytensor
import pytest

from lasagne import flags


@pytest.fixture(autouse=True)
def no_flags(monkeypatch, tmp_path):
    """Start without any flags, and forget what was warned about."""
    for name in ("THEANO_FLAGS", "PYTENSOR_FLAGS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("THEANORC", "PYTENSORRC"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setattr(flags, "_applied", {})
    monkeypatch.setattr(flags, "_warned", set())
    monkeypatch.setattr(flags, "_announced", set())
    monkeypatch.setattr(flags, "gone_values", {})
    monkeypatch.setattr(flags, "late_optimizer", None)


def settings(monkeypatch, theano_flags):
    monkeypatch.setenv("THEANO_FLAGS", theano_flags)
    return flags._theano_settings()


def test_flags_that_stayed_get_pytensors_names(monkeypatch):
    found = settings(
        monkeypatch,
        "floatX=float32,scan.allow_gc=True, mode=FAST_RUN ,exception_verbosity=high",
    )
    assert found == {
        "floatX": "float32",
        "scan__allow_gc": "True",
        "mode": "FAST_RUN",
        "exception_verbosity": "high",
    }


def test_every_flag_that_stayed_is_one_of_pytensors():
    names = {name.replace(".", "__") for name in flags.KEPT}
    assert names <= set(pytensor.config._config_var_dict)


@pytest.mark.parametrize(
    "flag",
    [
        "lib.cnmem=0.8",
        "dnn.enabled=False",
        "dnn.conv.algo_fwd=time_once",
        "gpuarray.preallocate=1",
        "nvcc.fastmath=True",
        "force_device=True",
        "compute_test_value=warn",
        "warn.ignore_bug_before=all",
        "device=cpu",
    ],
)
def test_flags_that_are_gone_are_swallowed_and_kept_for_reading(monkeypatch, flag):
    assert settings(monkeypatch, flag) == {}
    name, _, value = flag.partition("=")
    assert flags.gone_values[name] == value


def test_quotes_protect_commas(monkeypatch):
    found = settings(monkeypatch, "gcc.cxxflags='-O3,-g',floatX=float32")
    assert found == {"gcc__cxxflags": "-O3,-g", "floatX": "float32"}


def test_unbalanced_quotes_are_an_error(monkeypatch):
    with pytest.raises(ValueError, match=r"Cannot read the flags .*mode='FAST"):
        settings(monkeypatch, "mode='FAST_RUN")


@pytest.mark.parametrize(
    "linker", ["c", "c|py", "cvm", "cvm_nogc", "vm", "vm_nogc", "c|py_nogc"]
)
def test_linkers_of_c_code_mean_the_fast_one(monkeypatch, linker):
    assert settings(monkeypatch, f"linker={linker}") == {"linker": "auto"}


def test_python_linker_stays(monkeypatch):
    assert settings(monkeypatch, "linker=py") == {"linker": "py"}


def test_profile_mode_is_refused_with_its_replacement(monkeypatch):
    with pytest.warns(UserWarning, match="profile=True"):
        assert settings(monkeypatch, "mode=ProfileMode") == {}


def test_typo_warns_once_with_a_suggestion(monkeypatch):
    with pytest.warns(UserWarning, match=r"'flaotX', set to 'float32'.*'floatX'"):
        assert settings(monkeypatch, "flaotX=float32") == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert settings(monkeypatch, "flaotX=float32") == {}


def test_flag_without_value_warns(monkeypatch):
    with pytest.warns(UserWarning, match="'floatX' has no value, so it"):
        assert settings(monkeypatch, "floatX,mode=FAST_RUN") == {"mode": "FAST_RUN"}


def no_gpu(number):
    return None


@pytest.mark.parametrize("device", ["gpu", "gpu0", "cuda", "cuda1", "opencl0:1"])
def test_device_that_is_not_there_warns_once_and_becomes_the_cpu(
    monkeypatch, device, capsys
):
    monkeypatch.setattr(flags, "GPU_PROBES", {"JAX": no_gpu, "PYTORCH": no_gpu})
    with pytest.warns(UserWarning, match=f"device={device}, but neither JAX nor"):
        assert settings(monkeypatch, f"device={device}") == {}
    assert flags.gone_values["device"] == "cpu"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settings(monkeypatch, f"device={device}")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("device", "available", "mode"),
    [
        ("gpu", {"JAX": 1}, "JAX"),
        ("cuda0", {"PYTORCH": 1}, "PYTORCH"),
        ("cuda", {"JAX": 1, "PYTORCH": 1}, "JAX"),
        ("cuda1", {"JAX": 1, "PYTORCH": 2}, "PYTORCH"),
    ],
)
def test_gpu_is_used_where_there_is_one(monkeypatch, device, available, mode, capsys):
    def gpu_of(backend):
        def probe(number):
            exists = number < available.get(backend, 0)
            return f"GPU {number} of {backend}" if exists else None

        return probe

    probes = {backend: gpu_of(backend) for backend in ("JAX", "PYTORCH")}
    monkeypatch.setattr(flags, "GPU_PROBES", probes)
    assert settings(monkeypatch, f"device={device}") == {"mode": mode}
    assert flags.gone_values["device"] == device
    number = device[-1] if device[-1].isdigit() else "0"
    said = f"device={device} is GPU {number} of {mode}, by PyTensor's back end {mode}."
    assert capsys.readouterr().err == f"lasagne: {said}\n"
    settings(monkeypatch, f"device={device}")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("theano_flags", "pytensor_flags", "mode"),
    [
        ("device=cuda,mode=FAST_RUN", "", "JAX"),
        ("device=cuda,mode=DebugMode", "", "DebugMode"),
        ("device=cuda", "mode=NUMBA", None),
    ],
)
def test_modes_that_were_named_win_over_the_device(
    monkeypatch, theano_flags, pytensor_flags, mode
):
    monkeypatch.setattr(flags, "GPU_PROBES", {"JAX": lambda number: "a GPU"})
    monkeypatch.setenv("PYTENSOR_FLAGS", pytensor_flags)
    assert settings(monkeypatch, theano_flags).get("mode") == mode


class Device:
    device_kind = "H100"


def test_jax_is_asked_for_its_gpus(monkeypatch):
    updates = {}
    devices = [Device(), Device()]
    jax = types.SimpleNamespace(
        devices=lambda kind: devices if kind == "gpu" else [],
        config=types.SimpleNamespace(update=updates.__setitem__),
    )
    monkeypatch.setitem(sys.modules, "jax", jax)
    assert flags._gpu_of_jax(1) == "H100"
    assert updates == {"jax_default_device": devices[1]}
    assert flags._gpu_of_jax(2) is None

    def without_gpu(kind):
        raise RuntimeError("Unknown backend: 'gpu' requested")

    monkeypatch.setattr(jax, "devices", without_gpu)
    assert flags._gpu_of_jax(0) is None
    monkeypatch.setitem(sys.modules, "jax", None)
    assert flags._gpu_of_jax(0) is None


def test_pytorch_is_asked_for_its_gpus(monkeypatch):
    chosen = []
    cuda = types.SimpleNamespace(
        is_available=lambda: True,
        device_count=lambda: 2,
        get_device_name=lambda number: f"H100 number {number}",
    )
    torch = types.SimpleNamespace(cuda=cuda, set_default_device=chosen.append)
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert flags._gpu_of_pytorch(1) == "H100 number 1"
    assert chosen == ["cuda:1"]
    assert flags._gpu_of_pytorch(2) is None
    monkeypatch.setattr(cuda, "is_available", lambda: False)
    assert flags._gpu_of_pytorch(0) is None
    monkeypatch.setitem(sys.modules, "torch", None)
    assert flags._gpu_of_pytorch(0) is None


def test_device_makes_its_back_end_the_default(monkeypatch, capsys):
    monkeypatch.setattr(flags, "GPU_PROBES", {"JAX": lambda number: "a GPU"})
    monkeypatch.setenv("THEANO_FLAGS", "device=cuda")
    with pytensor.config.change_flags(mode="Mode"):
        flags.apply()
        assert pytensor.config.mode == "JAX"
    assert "device=cuda is a GPU" in capsys.readouterr().err


@pytest.fixture
def theanorc(monkeypatch, tmp_path):
    """Write a .theanorc in the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("THEANORC")

    def write(text):
        (tmp_path / ".theanorc").write_text(text)

    return write


def test_theanorc_of_the_home_directory_is_read(theanorc):
    theanorc(
        "[global]\nfloatX = float32\ndevice = cpu\n"
        "[scan]\nallow_gc = True\n[lib]\ncnmem = 0.9\n[blas]\nldflags = -lopenblas\n"
    )
    assert flags._theano_settings() == {
        "floatX": "float32",
        "scan__allow_gc": "True",
        "blas__ldflags": "-lopenblas",
    }
    assert flags.gone_values == {"device": "cpu", "lib.cnmem": "0.9"}


def test_names_in_theanorc_may_have_any_case(theanorc):
    theanorc("[global]\nfloatx = float32\n")
    assert flags._theano_settings() == {"floatX": "float32"}


def test_variables_in_theanorc_are_replaced(theanorc, monkeypatch):
    monkeypatch.setenv("USER", "sander")
    theanorc("[global]\nbase_compiledir = /scratch/%(USER)s\ngcc.cxxflags = -D%s\n")
    assert flags._theano_settings() == {
        "base_compiledir": "/scratch/sander",
        "gcc__cxxflags": "-D%s",
    }


def test_last_file_of_theanorc_variable_wins(monkeypatch, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_text("[global]\nfloatX = float32\nmode = FAST_RUN\n")
    second.write_text("[global]\nmode = FAST_COMPILE\n")
    monkeypatch.setenv("THEANORC", os.pathsep.join(map(str, [first, second])))
    assert flags._theano_settings() == {"floatX": "float32", "mode": "FAST_COMPILE"}


def test_environment_wins_over_files_and_pytensors_over_theanos(
    theanorc, monkeypatch, tmp_path
):
    theanorc("[global]\nfloatX = float32\nmode = FAST_RUN\nallow_gc = False\n")
    pytensorrc = tmp_path / ".pytensorrc"
    pytensorrc.write_text("[global]\nallow_gc = True\n")
    monkeypatch.setenv("PYTENSORRC", str(pytensorrc))
    found = settings(monkeypatch, "mode=FAST_COMPILE")
    assert found == {"floatX": "float32", "mode": "FAST_COMPILE"}


def test_apply_sets_what_can_be_set_after_pytensor_was_imported(monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", "floatX=float32,optimizer=fast_compile")
    flags.apply()
    assert pytensor.config.floatX == "float32"
    assert flags.late_optimizer == "fast_compile"


def test_apply_leaves_pytensors_own_flags_alone(monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", "floatX=float32")
    monkeypatch.setenv("PYTENSOR_FLAGS", "floatX=float64")
    flags.apply()
    assert pytensor.config.floatX == "float64"


def test_apply_again_keeps_what_the_program_has_set_since(monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", "floatX=float32")
    flags.apply()
    pytensor.config.floatX = "float64"
    flags.apply()
    assert pytensor.config.floatX == "float64"


def test_apply_warns_about_what_comes_too_late(monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", "compile.timeout=7")
    with pytest.warns(UserWarning, match=r"compile\.timeout=7 came too late"):
        flags.apply()


def test_wrong_value_is_pytensors_error(monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", "floatX=float23")
    with pytest.raises(ValueError, match=r"float23.*floatX"):
        flags.apply()


def test_flags_reach_pytensor_before_it_starts(tmp_path):
    theanorc = tmp_path / "theanorc"
    theanorc.write_text("[global]\noptimizer = fast_compile\ncompile.timeout = 9\n")
    script = (
        "import os, lasagne, pytensor\n"
        "config = pytensor.config\n"
        "print(config.floatX, config.optimizer, config.compile__timeout, end=' ')\n"
        "print(config.allow_gc)\n"
        "print(os.environ['PYTENSOR_FLAGS'])\n"
    )
    given = f"base_compiledir={tmp_path},allow_gc=False"
    source = Path(flags.__file__).parents[1]
    environment = {
        **os.environ,
        "PYTHONPATH": str(source),
        "THEANORC": str(theanorc),
        "THEANO_FLAGS": "floatX=float32,optimizer=merge,allow_gc=True,device=cpu",
        "PYTENSOR_FLAGS": given,
    }
    process = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.splitlines() == ["float32 merge 9 False", given]


@pytest.mark.parametrize(
    ("loaded", "given", "expected"),
    [(False, None, "4"), (False, "20", "20"), (True, None, None)],
)
def test_blas_waits_asleep(monkeypatch, loaded, given, expected):
    """Only where OpenBLAS still looks, and nobody has decided otherwise."""
    # Set, so that what the call sets is undone.
    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", given or "")
    if given is None:
        monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT")
    if not loaded:
        monkeypatch.delitem(sys.modules, "numpy")
    flags._have_blas_wait_asleep()
    assert os.environ.get("OPENBLAS_THREAD_TIMEOUT") == expected
