"""What NumPy, SciPy, scikit-learn, Pillow and Python itself no longer have.

Each line names something that is gone, and what does its work today. A name
without a dot is a builtin; ``bygone`` is :mod:`lasagne.bygone`, where a thing
is kept that has no successor of the same interface.
"""

_MODULES = """
    Image                                   PIL.Image
    ImageDraw                               PIL.ImageDraw
    ImageEnhance                            PIL.ImageEnhance
    ImageFilter                             PIL.ImageFilter
    ImageFont                               PIL.ImageFont
    ImageOps                                PIL.ImageOps
    distutils.dir_util                      bygone.dir_util
    distutils.spawn                         shutil
    distutils.version                       bygone.version
    imp                                     bygone.imp
    numpy.core                              numpy._core
    numpy.lib.arraysetops                   numpy
    numpy.lib.function_base                 numpy
    numpy.lib.index_tricks                  numpy
    numpy.linalg.linalg                     numpy.linalg
    pipes                                   shlex
    scipy.fftpack.basic                     scipy.fftpack
    scipy.interpolate.interpolate           scipy.interpolate
    scipy.linalg.basic                      scipy.linalg
    scipy.linalg.decomp                     scipy.linalg
    scipy.misc                              bygone.scipy_misc
    scipy.misc.common                       bygone.scipy_misc
    scipy.misc.pilutil                      bygone.scipy_misc
    scipy.ndimage.filters                   scipy.ndimage
    scipy.ndimage.fourier                   scipy.ndimage
    scipy.ndimage.interpolation             scipy.ndimage
    scipy.ndimage.measurements              scipy.ndimage
    scipy.ndimage.morphology                scipy.ndimage
    scipy.optimize.optimize                 scipy.optimize
    scipy.optimize.lbfgsb                   scipy.optimize
    scipy.signal.signaltools                scipy.signal
    scipy.sparse.csc                        scipy.sparse
    scipy.sparse.csr                        scipy.sparse
    scipy.spatial.kdtree                    scipy.spatial
    scipy.stats.stats                       scipy.stats
    sklearn.covariance.empirical_covariance_  sklearn.covariance
    sklearn.cross_validation                bygone.cross_validation
    sklearn.datasets.base                   sklearn.datasets
    sklearn.datasets.samples_generator      sklearn.datasets
    sklearn.decomposition.pca               sklearn.decomposition
    sklearn.ensemble.forest                 sklearn.ensemble
    sklearn.externals.joblib                joblib
    sklearn.externals.six                   six
    sklearn.feature_extraction.stop_words   sklearn.feature_extraction.text
    sklearn.grid_search                     sklearn.model_selection
    sklearn.learning_curve                  sklearn.model_selection
    sklearn.linear_model.logistic           sklearn.linear_model
    sklearn.manifold.t_sne                  sklearn.manifold
    sklearn.metrics.classification          sklearn.metrics
    sklearn.metrics.ranking                 sklearn.metrics
    sklearn.metrics.regression              sklearn.metrics
    sklearn.metrics.scorer                  sklearn.metrics
    sklearn.neighbors.kde                   sklearn.neighbors
    sklearn.preprocessing.data              sklearn.preprocessing
    sklearn.preprocessing.label             sklearn.preprocessing
    sklearn.svm.classes                     sklearn.svm
    sklearn.utils.testing                   sklearn.utils._testing
    xml.etree.cElementTree                  xml.etree.ElementTree
"""

_NAMES = """
    numpy.Inf                   numpy.inf
    numpy.Infinity              numpy.inf
    numpy.NAN                   numpy.nan
    numpy.NINF                  bygone.NINF
    numpy.NZERO                 bygone.NZERO
    numpy.NaN                   numpy.nan
    numpy.PINF                  numpy.inf
    numpy.PZERO                 bygone.PZERO
    numpy.alen                  len
    numpy.alltrue               numpy.all
    numpy.asfarray              bygone.asfarray
    numpy.asscalar              bygone.asscalar
    numpy.bool8                 numpy.bool_
    numpy.byte_bounds           numpy.lib.array_utils.byte_bounds
    numpy.cast                  bygone.cast
    numpy.cfloat                numpy.complex128
    numpy.complex               complex
    numpy.complex_              numpy.complex128
    numpy.cumproduct            numpy.cumprod
    numpy.disp                  print
    numpy.fastCopyAndTranspose  bygone.fast_copy_and_transpose
    numpy.float                 float
    numpy.float_                numpy.float64
    numpy.fromstring            bygone.fromstring
    numpy.in1d                  bygone.in1d
    numpy.infty                 numpy.inf
    numpy.int                   int
    numpy.int0                  numpy.intp
    numpy.issubclass_           issubclass
    numpy.issubsctype           numpy.issubdtype
    numpy.lib.pad               numpy.pad
    numpy.linalg.linalg.norm    numpy.linalg.norm
    numpy.longfloat             numpy.longdouble
    numpy.mat                   numpy.asmatrix
    numpy.msort                 bygone.msort
    numpy.object                object
    numpy.object0               numpy.object_
    numpy.product               numpy.prod
    numpy.random.random_integers  bygone.random_integers
    numpy.rank                  numpy.ndim
    numpy.round_                numpy.round
    numpy.row_stack             numpy.vstack
    numpy.singlecomplex         numpy.complex64
    numpy.sometrue              numpy.any
    numpy.str                   str
    numpy.string_               numpy.bytes_
    numpy.testing.rand          numpy.random.rand
    numpy.trapz                 numpy.trapezoid
    numpy.typeDict              numpy.sctypeDict
    numpy.uint0                 numpy.uintp
    numpy.unicode               str
    numpy.unicode_              numpy.str_

    scipy.integrate.cumtrapz    scipy.integrate.cumulative_trapezoid
    scipy.integrate.simps       scipy.integrate.simpson
    scipy.integrate.trapz       scipy.integrate.trapezoid
    scipy.linalg.pinv2          scipy.linalg.pinv
    scipy.ndimage.imread        bygone.imread
    scipy.rand                  numpy.random.rand
    scipy.randn                 numpy.random.randn
    scipy.signal.bartlett       scipy.signal.windows.bartlett
    scipy.signal.blackman       scipy.signal.windows.blackman
    scipy.signal.boxcar         scipy.signal.windows.boxcar
    scipy.signal.gaussian       scipy.signal.windows.gaussian
    scipy.signal.hamming        scipy.signal.windows.hamming
    scipy.signal.hann           scipy.signal.windows.hann
    scipy.signal.hanning        scipy.signal.windows.hann
    scipy.signal.kaiser         scipy.signal.windows.kaiser
    scipy.signal.triang         scipy.signal.windows.triang
    scipy.stats.nanmean         numpy.nanmean
    scipy.stats.nanmedian       numpy.nanmedian
    scipy.stats.nanstd          numpy.nanstd

    sklearn.datasets.fetch_mldata       bygone.fetch_mldata
    sklearn.decomposition.RandomizedPCA bygone.RandomizedPCA
    sklearn.lda.LDA  sklearn.discriminant_analysis.LinearDiscriminantAnalysis
    sklearn.metrics.jaccard_similarity_score  bygone.jaccard_similarity_score
    sklearn.mixture.GMM                 sklearn.mixture.GaussianMixture
    sklearn.preprocessing.Imputer       bygone.Imputer
    sklearn.qda.QDA  sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis

    PIL.Image.ANTIALIAS         PIL.Image.LANCZOS
    PIL.Image.fromstring        PIL.Image.frombytes

    base64.decodestring         base64.decodebytes
    base64.encodestring         base64.encodebytes
    cgi.escape                  html.escape
    collections.Callable        collections.abc.Callable
    collections.Container       collections.abc.Container
    collections.Hashable        collections.abc.Hashable
    collections.ItemsView       collections.abc.ItemsView
    collections.Iterable        collections.abc.Iterable
    collections.Iterator        collections.abc.Iterator
    collections.KeysView        collections.abc.KeysView
    collections.Mapping         collections.abc.Mapping
    collections.MappingView     collections.abc.MappingView
    collections.MutableMapping  collections.abc.MutableMapping
    collections.MutableSequence collections.abc.MutableSequence
    collections.MutableSet      collections.abc.MutableSet
    collections.Sequence        collections.abc.Sequence
    collections.Set             collections.abc.Set
    collections.Sized           collections.abc.Sized
    collections.ValuesView      collections.abc.ValuesView
    distutils.spawn.find_executable  shutil.which
    distutils.util.strtobool    bygone.strtobool
    fractions.gcd               math.gcd
    inspect.getargspec          bygone.getargspec
    pickle.load                 bygone.load_pickle
    cPickle.load                bygone.load_pickle
    platform.linux_distribution bygone.linux_distribution
    string.join                 bygone.join
    string.letters              string.ascii_letters
    string.lowercase            string.ascii_lowercase
    string.maketrans            str.maketrans
    string.uppercase            string.ascii_uppercase
    sys.setdefaultencoding      bygone.setdefaultencoding
    time.clock                  time.perf_counter
"""

_NAMES_OF_PYTHON2 = """
    csv.DictReader              bygone.DictReader
    csv.DictWriter              bygone.DictWriter
    csv.reader                  bygone.csv_reader
    csv.writer                  bygone.csv_writer
    pickle.dump                 bygone.dump_pickle
    pickle.loads                bygone.loads_pickle
    cPickle.dump                bygone.dump_pickle
    cPickle.loads               bygone.loads_pickle
    random.choice               bygone.choice
    random.randint              bygone.randint
    random.randrange            bygone.randrange
    random.sample               bygone.sample
    random.shuffle              bygone.shuffle
"""

#: Functions of the module ``string`` that are methods of strings.
_STRING = """
    capitalize count expandtabs find index ljust lower lstrip replace rfind rindex
    rjust rstrip split strip swapcase translate upper zfill
"""

#: Functions of scikit-learn's old module that are the same in the new one.
_SAME_IN_MODEL_SELECTION = "cross_val_predict cross_val_score train_test_split"

_GONE = """
    numpy.DataSource            It is numpy.lib.npyio.DataSource.
    numpy.compat                It held what Python 2 and 3 needed; use Python's own.
    numpy.distutils             Build with meson or setuptools.
    numpy.deprecate             Warn with warnings.warn.
    numpy.find_common_type      Use numpy.result_type.
    numpy.lookfor               Search NumPy's documentation.
    numpy.maximum_sctype        Name the dtype.
    numpy.sctypes               Name the dtypes.
    numpy.set_string_function   Use numpy.set_printoptions(formatter=...).
    numpy.testing.Tester        Run pytest.
    numpy.testing.decorators    Use those of pytest.
    numpy.who                   Use locals().
    scipy.weave                 Write it with Numba.
    sklearn.datasets.load_boston  The data set was withdrawn.
    sklearn.datasets.load_mlcomp  The service is gone.
"""


def _read(table: str) -> dict[str, str]:
    lines = [line.split(maxsplit=1) for line in table.splitlines() if line.strip()]
    return {old: _in_full(new) for old, new in lines}


def _in_full(name: str) -> str:
    return f"lasagne.{name}" if name.startswith("bygone.") else name


#: Modules, with the module that has their names today.
MODULES = _read(_MODULES)
#: Functions, classes and constants, with what takes their place.
NAMES = _read(_NAMES) | {f"string.{name}": f"str.{name}" for name in _STRING.split()}
NAMES |= {
    f"sklearn.cross_validation.{name}": f"sklearn.model_selection.{name}"
    for name in _SAME_IN_MODEL_SELECTION.split()
}
NAMES |= {"string.atoi": "int", "string.atof": "float"}
#: What is there still, and did something else in Python 2: with text that was
#: bytes, or with random numbers.
NAMES_OF_PYTHON2 = _read(_NAMES_OF_PYTHON2)
#: What nothing takes the place of, with advice.
GONE = _read(_GONE)

#: Methods that have another name, whatever they are methods of. Those in the
#: first group take no arguments where they are meant.
METHODS_WITHOUT_ARGUMENTS = {"tostring": "tobytes", "isAlive": "is_alive"}
METHODS = {
    "assertEquals": "assertEqual",
    "assertNotEquals": "assertNotEqual",
    "assertAlmostEquals": "assertAlmostEqual",
    "assertItemsEqual": "assertCountEqual",
    "assertRaisesRegexp": "assertRaisesRegex",
    "assertRegexpMatches": "assertRegex",
    "assert_": "assertTrue",
}


def module_for(name: str) -> str | None:
    """Find what a module, or one that lay within a module, has become."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        old = ".".join(parts[:length])
        if old in MODULES:
            return ".".join([MODULES[old], *parts[length:]])
    return None


def reason_for(name: str) -> str | None:
    """Find why a name, or a module that it lay in, has no successor."""
    parts = name.split(".")
    prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return next((GONE[prefix] for prefix in prefixes if prefix in GONE), None)
