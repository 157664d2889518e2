"""The settings of the Theano years, handed on to PyTensor.

Machines and scripts carry their settings in ``THEANO_FLAGS`` and in
``.theanorc``; PyTensor reads neither. :func:`apply` does, when the package is
imported, and again when a script imports ``theano``, which may have set
``os.environ["THEANO_FLAGS"]`` just before.

The source that wins stands last: ``.theanorc`` (or the files that ``THEANORC``
names), ``.pytensorrc``, ``THEANO_FLAGS``, ``PYTENSOR_FLAGS``.
"""

import difflib
import importlib
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from configparser import ConfigParser, InterpolationError
from contextlib import contextmanager
from pathlib import Path

__all__ = ["apply"]

#: Flags that PyTensor understands under the same name, with ``__`` for ``.``.
_KEPT = """
    floatX warn_float64 cast_policy mode cxx linker allow_gc optimizer
    optimizer_verbose optimizer_excluding optimizer_including optimizer_requiring
    on_opt_error on_unused_input on_shape_error nocleanup check_input
    unpickle_function exception_verbosity print_global_stats openmp
    openmp_elemwise_minsize profile profile_optimizer profile_memory
    cycle_detection check_stack_trace base_compiledir compiledir
    compiledir_format blas.ldflags blas.check_openmp gcc.cxxflags
    cmodule.warn_no_version cmodule.remove_gxx_opt cmodule.compilation_warning
    cmodule.preload_cache cmodule.age_thresh_use cmodule.debug compile.wait
    compile.timeout tensor.cmp_sloppy
    tensor.insert_inplace_optimizer_validate_nb traceback.limit
    traceback.compile_limit vm.lazy scan.allow_gc scan.allow_output_prealloc
    optdb.position_cutoff optdb.max_use_ratio NanGuardMode.nan_is_error
    NanGuardMode.inf_is_error NanGuardMode.big_is_error NanGuardMode.action
    DebugMode.patience DebugMode.check_c DebugMode.check_py
    DebugMode.check_finite DebugMode.check_strides
    DebugMode.warn_input_not_reused DebugMode.check_preallocated_output
    DebugMode.check_preallocated_output_ndim profiling.time_thunks
    profiling.n_apply profiling.n_ops profiling.output_line_width
    profiling.min_memory_size profiling.min_peak_memory profiling.destination
    profiling.debugprint profiling.ignore_first_call
"""
KEPT = frozenset(_KEPT.split())

#: Flags that have nothing left to act on, with the value that reading them
#: gives unless one is set. All flags of the sections below are among them.
GONE: dict[str, object] = {
    "device": "cpu",
    "init_gpu_device": "",
    "force_device": False,
    "print_active_device": True,
    "enable_initial_driver_test": False,
    "contexts": "",
    "assert_no_cpu_op": "ignore",
    "deterministic": "default",
    "int_division": "int",
    "compute_test_value": "off",
    "compute_test_value_opt": "off",
    "print_test_value": False,
    "pickle_test_value": True,
    "reoptimize_unpickled_function": False,
    "cache_optimizations": False,
    "ignore_missing_key": False,
    "root": "",
    "gcc.cudafe": "",
    "lib.cnmem": 0.0,
    "lib.amdlibm": False,
    "scan.debug": False,
    "tensor.local_elemwise_fusion": True,
    "cmodule.mac_framework_link": False,
    "dnn.enabled": "auto",
    "dnn.include_path": "",
    "dnn.library_path": "",
    "dnn.base_path": "",
    "dnn.bin_path": "",
    "dnn.conv.algo_fwd": "small",
    "dnn.conv.algo_bwd": "none",
    "dnn.conv.algo_bwd_data": "none",
    "dnn.conv.algo_bwd_filter": "none",
    "dnn.conv.precision": "as_input_f32",
    "dnn.conv.workmem": "",
    "dnn.conv.workmem_bwd": "",
    "gpuarray.preallocate": 0.0,
    "gpuarray.sched": "default",
    "gpuarray.single_stream": True,
    "gpuarray.cache_path": "",
    "cuda.enabled": False,
    "cuda.root": "",
    "nvcc.fastmath": False,
    "nvcc.flags": "",
    "nvcc.compiler_bindir": "",
}

#: Sections of which every flag is gone.
_GONE_SECTIONS = """
    conv cublas ctc cuda dnn experimental gpu gpuarray gpuelemwise lib lock magma
    metaopt numpy nvcc ProfileMode pthreads pycuda unittests warn
"""
GONE_SECTIONS = frozenset(_GONE_SECTIONS.split())

#: Linkers of Theano that need its C code generator; Numba stands in for all.
C_LINKERS = frozenset({"c", "c|py", "c|py_nogc", "cvm", "cvm_nogc", "vm", "vm_nogc"})

_BY_LOWER_CASE = {name.lower(): name for name in (*KEPT, *GONE)}

#: Values of flags that are gone, as the last :func:`apply` found them.
gone_values: dict[str, str] = {}
#: The optimizer asked for after PyTensor, which cannot change it, was imported.
late_optimizer: str | None = None

_applied: dict[str, str] = {}
_warned: set[str] = set()
_announced: set[str] = set()


def _have_blas_wait_asleep() -> None:
    """Keep the threads of OpenBLAS from waiting for work by spinning.

    They do for some 20 ms after each product of matrices, on the processors
    that the threads of the kernels then lack: a training step takes half as
    long again. OpenBLAS looks when NumPy is imported; who has set the variable
    has decided.
    """
    if "numpy" not in sys.modules:
        os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")


def apply() -> None:
    """Read the flags and configure PyTensor with them.

    Imports PyTensor if that has not happened yet. Otherwise sets what has
    changed since the last call, as far as PyTensor lets it be set.

    Warns
    -----
    UserWarning
        Once about each flag that nobody knows, about ``device`` if there is no
        such device, and about a flag that came too late.

    Notes
    -----
    If ``device`` names a GPU, and JAX or PyTorch has one, that back end becomes
    PyTensor's default, and a line on the standard error stream says so.

    Examples
    --------
    >>> import os
    >>> from lasagne import flags
    >>> os.environ["THEANO_FLAGS"] = "device=cpu,lib.cnmem=0.8"
    >>> flags.apply()
    >>> flags.gone_values["lib.cnmem"]
    '0.8'
    >>> del os.environ["THEANO_FLAGS"]
    >>> flags.apply()
    """
    _have_blas_wait_asleep()
    explicit = _parse_flags(os.environ.get("PYTENSOR_FLAGS", ""))
    settings = _theano_settings()
    for name in explicit:
        settings.pop(name, None)

    if "pytensor" in sys.modules:
        changed = {
            name: value
            for name, value in settings.items()
            if _applied.get(name) != value
        }
        _set_on_config(changed)
    else:
        # PyTensor reads its flags once, as it is imported, and checks them; a
        # child process must find the variable as the user left it.
        with _environment("PYTENSOR_FLAGS", _join_flags(settings | explicit)):
            importlib.import_module("pytensor")

    _applied.clear()
    _applied.update(settings)


def _theano_settings() -> dict[str, str]:
    """Collect what Theano would have read, in PyTensor's spelling."""
    settings: dict[str, str] = {}
    gone_values.clear()

    theanorc = _read_files(os.environ.get("THEANORC", "~/.theanorc"))
    for name, value in theanorc.items():
        _sort_in(name, value, "theanorc", settings)
    for name in _read_files(os.environ.get("PYTENSORRC", "~/.pytensorrc")):
        settings.pop(name.replace(".", "__"), None)
    for name, value in _parse_flags(os.environ.get("THEANO_FLAGS", "")).items():
        _sort_in(name, value, "THEANO_FLAGS", settings)

    device = gone_values.get("device", "cpu")
    if device != "cpu":
        _choose_backend(device, settings)
    return settings


def _choose_backend(device: str, settings: dict[str, str]) -> None:
    """Find a back end for another device than the CPU, or say that there is none.

    A mode that the user has named is left alone, unless it is only one of
    Theano's words for the default.
    """
    explicit = _parse_flags(os.environ.get("PYTENSOR_FLAGS", ""))
    mode = explicit.get("mode", settings.get("mode", "Mode"))
    if mode.upper() not in ("MODE", "FAST_RUN"):
        return
    is_gpu = re.fullmatch(r"(gpu|cuda)(\d*)", device)
    if is_gpu is not None:
        number = int(is_gpu[2] or 0)
        for backend, probe in GPU_PROBES.items():
            found = probe(number)
            if found is not None:
                settings["mode"] = backend
                _announce_once(
                    f"lasagne: device={device} is {found}, by PyTensor's back end "
                    f"{backend}."
                )
                return
    _warn_once(
        f"Theano's flags ask for device={device}, but neither JAX nor PyTorch has "
        f"such a device here. Continuing on the CPU; set device=cpu to silence this "
        f"warning, or install one of them with support for the GPU."
    )
    gone_values["device"] = "cpu"


def _gpu_of_jax(number: int) -> str | None:
    """Make a GPU the default of JAX, and describe it; ``None`` without one."""
    try:
        jax = importlib.import_module("jax")
        chosen = jax.devices("gpu")[number]
    except (ImportError, IndexError, RuntimeError):
        return None
    jax.config.update("jax_default_device", chosen)
    return str(chosen.device_kind)


def _gpu_of_pytorch(number: int) -> str | None:
    """Make a GPU the default of PyTorch, and describe it; ``None`` without one."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return None
    if not torch.cuda.is_available() or number >= torch.cuda.device_count():
        return None
    torch.set_default_device(f"cuda:{number}")
    return str(torch.cuda.get_device_name(number))


#: For each back end of PyTensor's that can use a GPU, a function that takes
#: its number. The first one with a GPU is used.
GPU_PROBES: dict[str, Callable[[int], str | None]] = {
    "JAX": _gpu_of_jax,
    "PYTORCH": _gpu_of_pytorch,
}


def _sort_in(name: str, value: str, source: str, settings: dict[str, str]) -> None:
    """File one flag under the kept or the gone ones, or warn that it is neither."""
    # Names are case-sensitive in THEANO_FLAGS, never were in configuration files.
    if source == "theanorc":
        name = _BY_LOWER_CASE.get(name.lower(), name)

    if name in KEPT:
        translated = translate(name, value)
        if translated is not None:
            settings[name.replace(".", "__")] = translated
    elif name in GONE or _section(name) in GONE_SECTIONS:
        gone_values[name] = value
    else:
        close = difflib.get_close_matches(name, [*KEPT, *GONE], n=1)
        hint = f"Did you mean {close[0]!r}?" if close else "Check its spelling."
        _warn_once(
            f"Neither Theano nor this package has the flag {name!r}, set to {value!r} "
            f"in {source}; it is ignored. {hint}"
        )


def _section(name: str) -> str:
    return name.rpartition(".")[0].partition(".")[0]


def translate(name: str, value: str) -> str | None:
    """Translate a value of Theano's that PyTensor does not have.

    Parameters
    ----------
    name : str
        Name of the flag.
    value : str
        Its value for Theano.

    Returns
    -------
    str or None
        The value for PyTensor; ``None`` to leave the flag alone.

    Examples
    --------
    >>> from lasagne import flags
    >>> flags.translate("linker", "cvm"), flags.translate("floatX", "float32")
    ('auto', 'float32')
    """
    if name == "linker" and value in C_LINKERS:
        return "auto"
    if name == "mode" and value.replace("_", "").lower() == "profilemode":
        _warn_once("mode=ProfileMode is ignored; it became the flag profile=True.")
        return None
    return value


def _set_on_config(settings: dict[str, str]) -> None:
    global late_optimizer
    config = sys.modules["pytensor"].config
    for name, value in settings.items():
        parameter = config._config_var_dict[name]
        if parameter.mutable:
            setattr(config, name, value)
        elif name == "optimizer":
            late_optimizer = value
        elif str(getattr(config, name)) != value:
            _warn_once(
                f"The flag {name.replace('__', '.')}={value} came too late: PyTensor "
                f"reads it once, and is imported already. Set it in the environment "
                f"before Python starts."
            )


def _parse_flags(text: str) -> dict[str, str]:
    """Parse comma-separated ``name=value`` pairs; quotes protect commas."""
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace = ","
    splitter.whitespace_split = True
    splitter.commenters = ""
    try:
        pairs = list(splitter)
    except ValueError as error:
        raise ValueError(f"Cannot read the flags {text!r}: {error}.") from error

    settings = {}
    for pair in pairs:
        name, equals, value = pair.strip().partition("=")
        if equals:
            settings[name.strip()] = value
        elif name:
            _warn_once(f"The flag {name!r} has no value, so it is ignored.")
    return settings


def _join_flags(settings: dict[str, str]) -> str:
    return ",".join(shlex.quote(f"{name}={value}") for name, value in settings.items())


class _CaseSensitiveParser(ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def _read_files(paths: str) -> dict[str, str]:
    """Read configuration files, the last of which wins: ``section.option``."""
    variables = {
        name: os.environ.get(name, "")
        for name in ("USER", "LSCRATCH", "TMPDIR", "TEMP", "TMP")
    }
    variables["PID"] = str(os.getpid())
    parser = _CaseSensitiveParser(variables)
    parser.read(Path(path).expanduser() for path in paths.split(os.pathsep) if path)
    return dict(_options(parser))


def _options(parser: ConfigParser) -> Iterator[tuple[str, str]]:
    for section in parser.sections():
        prefix = "" if section == "global" else f"{section}."
        for option in _own_options(parser, section):
            try:
                value = parser.get(section, option)
            except InterpolationError:
                value = parser.get(section, option, raw=True)
            yield prefix + option, value


def _own_options(parser: ConfigParser, section: str) -> Iterable[str]:
    return (option for option in parser[section] if option not in parser.defaults())


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _announce_once(message: str) -> None:
    if message not in _announced:
        _announced.add(message)
        print(message, file=sys.stderr)  # noqa: T201


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, UserWarning, stacklevel=3)
