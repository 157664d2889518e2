"""Guard zones around the memory that kernels allocate for themselves.

A plugin: ``pytest -p tests.kernels.guarded_memory``. Compiled functions find the
allocator of Numba's runtime by its name. Here the name is given to another one,
which asks for more, and fills everything with NaN; what frees memory then looks
whether the zones on both sides are as they were. So vector instructions that
write too far are found, and whoever reads too far, or what nobody has written,
gets NaN. What was loaded from a cache on disk is linked anew, and so obeys.
"""

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir
from numba import cfunc, types
from numba.core.runtime import _nrt_python, rtsys
from numba.extending import intrinsic

ZONE = 1024  # bytes on both sides

# Where Numba's description of a piece of memory has what frees it, the address of
# the data and their size; and how long it is.
DESTRUCTOR, DATA, SIZE, LENGTH = 8, 24, 32, 48

_library = ctypes.CDLL(None)
_memset, _memcmp = _library.memset, _library.memcmp
_memset.argtypes = ctypes.c_ssize_t, ctypes.c_int, ctypes.c_ssize_t
_memcmp.argtypes = (ctypes.c_ssize_t,) * 3
_untouched = np.full(ZONE, 255, "uint8")
_as_they_were = _untouched.ctypes.data
_counted = np.zeros(1, "int64")
_count = _counted.ctypes.data


@intrinsic
def _load(typingctx, address):
    def codegen(context, builder, signature, values):
        return builder.load(builder.inttoptr(values[0], ir.IntType(64).as_pointer()))

    return types.int64(types.int64), codegen


@intrinsic
def _store(typingctx, address, value):
    def codegen(context, builder, signature, values):
        place = builder.inttoptr(values[0], ir.IntType(64).as_pointer())
        builder.store(values[1], place)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


def _guarding(address):
    """Return an allocator that does what another one does, between guard zones."""
    kind = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_ssize_t, ctypes.c_int)
    allocate = kind(address)

    @cfunc(types.int64(types.int64, types.int32))
    def guarding(size, alignment):
        memory = allocate(size + 2 * ZONE, alignment)
        data = _load(memory + DATA) + ZONE
        _memset(data - ZONE, 255, size + 2 * ZONE)
        _store(memory + DATA, data)
        return memory

    return guarding


def _checking(address):
    """Return what frees memory, and counts it if its zones were written to."""
    free = ctypes.CFUNCTYPE(None, ctypes.c_ssize_t)(address)

    @cfunc(types.void(types.int64))
    def checking(memory):
        data = _load(memory + DATA)
        # Other memory is freed here as well, which does not begin so late.
        if _load(memory + DESTRUCTOR) == 0 and 0 <= data - memory - LENGTH - ZONE < 256:
            end = data + _load(memory + SIZE) - 2 * ZONE
            if (
                _memcmp(data - ZONE, _as_they_were, ZONE) != 0
                or _memcmp(end, _as_they_were, ZONE) != 0
            ):
                _store(_count, _load(_count) + 1)
        free(memory)

    return checking


_DETOUR = """
@destination = global i64 {}
define void @detour(i64 %memory) {{
  %address = load i64, ptr @destination
  %function = inttoptr i64 %address to ptr
  call void %function(i64 %memory)
  ret void
}}
"""


def _detour(address):
    """Return a function that calls another one, which may be changed."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    module = llvm.parse_assembly(_DETOUR.format(address))
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


# What must live as long as it may be called.
_kept = []


def install():
    """Have everything that is compiled from now on use the guard zones."""
    assert not rtsys._init, "Numba's runtime has started: load this plugin first."
    helpers = _nrt_python.c_helpers
    # What drops a reference is compiled first of all, when the runtime starts, and
    # finds there what frees memory. So it finds a detour, which leads on to the
    # function above as soon as that can be compiled.
    free = helpers["MemInfo_call_dtor"]
    detour = _detour(free)
    helpers["MemInfo_call_dtor"] = detour.get_function_address("detour")
    checking = _checking(free)
    destination = detour.get_global_value_address("destination")
    ctypes.c_int64.from_address(destination).value = checking.address
    _kept.extend([detour, checking])
    for name in ("MemInfo_alloc_aligned", "MemInfo_alloc_safe_aligned"):
        guarding = _guarding(helpers[name])
        llvm.add_symbol(f"NRT_{name}", guarding.address)
        _kept.append(guarding)


def count():
    """Return how often zones were found to be written to."""
    return int(_counted[0])


def pytest_load_initial_conftests():
    """Install the zones before anything else imports Numba."""
    install()


@pytest.fixture(autouse=True)
def _zones_stay_as_they_were():
    before = count()
    yield
    assert count() == before, "A kernel wrote beside memory that it had allocated."
