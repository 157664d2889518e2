"""What is left of the GPU back ends: probes that say no, and the same numbers."""

import numpy as np
import pytest

import lasagne.theano as theano
import lasagne.theano.tensor as T

cuda, gpuarray = theano.sandbox.cuda, theano.gpuarray
IMAGES = np.cos(np.arange(2 * 2 * 5 * 6.0)).reshape(2, 2, 5, 6)
FILTERS = np.sin(np.arange(3 * 2 * 3 * 2.0)).reshape(3, 2, 3, 2)


def test_probes_say_no():
    assert not cuda.cuda_enabled
    assert not cuda.cuda_available
    assert not gpuarray.pygpu_activated
    assert not theano.sandbox.gpuarray.pygpu_activated
    for dnn in (cuda.dnn, gpuarray.dnn, theano.sandbox.gpuarray.dnn):
        assert not dnn.dnn_available()
        assert not dnn.dnn_present()
        assert "no cuDNN" in dnn.dnn_available.msg
        assert dnn.version(raises=False) == -1
        with pytest.raises(RuntimeError, match="no cuDNN"):
            dnn.version()
    assert cuda.use("gpu0") is None
    assert gpuarray.use("cuda") is None


def test_transfers_change_nothing():
    x = T.matrix()
    for move in (
        cuda.host_from_gpu,
        cuda.gpu_from_host,
        cuda.basic_ops.gpu_contiguous,
        cuda.as_cuda_ndarray_variable,
        cuda.basic_ops.HostFromGpu(),
        gpuarray.as_gpuarray_variable,
        gpuarray.dnn.gpu_contiguous,
    ):
        assert move(x) is x
    assert gpuarray.basic_ops.infer_context_name(x) is None


def test_types_and_arrays_are_on_the_cpu(value):
    column = (False, True)
    assert cuda.CudaNdarrayType(column) == T.TensorType("float32", column)
    assert gpuarray.GpuArrayType("int32", column) == T.TensorType("int32", column)
    zeros = cuda.CudaNdarray.zeros((2, 3))
    assert zeros.dtype == "float32"
    assert zeros.shape == (2, 3)
    assert cuda.float32_shared_constructor([1.0]).dtype == "float32"
    assert value(cuda.basic_ops.gpu_alloc_empty(2, 3)).shape == (2, 3)
    allocate = gpuarray.basic_ops.gpu_alloc_empty(None, dtype="float64")
    assert allocate(2).dtype == "float64"


def test_decorators_of_rewrites_do_nothing():
    @gpuarray.opt.register_opt("fast_compile")
    @gpuarray.opt.op_lifter([T.nlinalg.Det])
    def rewrite():
        return 3

    assert rewrite() == 3


@pytest.mark.parametrize(("conv_mode", "flip"), [("conv", True), ("cross", False)])
def test_dnn_conv(conv_mode, flip, value):
    result, expected = value(
        [
            cuda.dnn.dnn_conv(
                IMAGES,
                FILTERS,
                border_mode=(1, 0),
                subsample=(2, 1),
                conv_mode=conv_mode,
                direction_hint="forward!",
            ),
            T.nnet.conv2d(
                IMAGES,
                FILTERS,
                border_mode=(1, 0),
                subsample=(2, 1),
                filter_flip=flip,
            ),
        ]
    )
    np.testing.assert_array_equal(result, expected)
    with pytest.raises(ValueError, match="got 'valid'"):
        cuda.dnn.dnn_conv(IMAGES, FILTERS, conv_mode="valid")


def test_dnn_conv3d(value):
    x, w = IMAGES[:, :, None], FILTERS[:, :, None]
    result = value(gpuarray.dnn.dnn_conv3d(x, w))
    np.testing.assert_allclose(result[:, :, 0], value(T.nnet.conv2d(IMAGES, FILTERS)))


def test_corr_mm_correlates(value):
    expected = value(T.nnet.conv2d(IMAGES, FILTERS, filter_flip=False))
    correlate = cuda.blas.GpuCorrMM(subsample=(1, 1), pad=(0, 0))
    np.testing.assert_array_equal(value(correlate(IMAGES, FILTERS)), expected)
    volumes = cuda.blas.GpuCorr3dMM()(IMAGES[:, :, None], FILTERS[:, :, None])
    np.testing.assert_allclose(value(volumes)[:, :, 0], expected)


def test_descriptors_and_gradients(value):
    x, w = T.tensor4("x"), T.tensor4("w")
    at = {x: IMAGES, w: FILTERS}
    desc = cuda.dnn.GpuDnnConvDesc(border_mode=(1, 1), subsample=(2, 2))(None, None)
    y = cuda.dnn.GpuDnnConv()(x, w, None, desc)
    g = T.ones_like(y)
    results = value(
        [
            T.grad(y.sum(), x),
            T.grad(y.sum(), w),
            cuda.dnn.GpuDnnConvGradI()(w, g, x, desc),
            cuda.dnn.GpuDnnConvGradW()(x, g, w, desc),
        ],
        at,
    )
    np.testing.assert_allclose(results[2], results[0])
    np.testing.assert_allclose(results[3], results[1])


def test_dnn_pool(value):
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    result = value(cuda.dnn.dnn_pool(x, (2, 2)))
    np.testing.assert_array_equal(result[0, 0], x[0, 0, 1:, 1:])
    result = value(cuda.dnn.dnn_pool(x, (2, 2), stride=(2, 2), mode="average"))
    np.testing.assert_array_equal(result[0, 0], [[2.5, 4.5], [10.5, 12.5]])
    volumes = cuda.dnn.dnn_pool(x[:, :, None], (1, 2, 2), stride=(1, 2, 2))
    np.testing.assert_array_equal(value(volumes)[0, 0, 0], [[5, 7], [13, 15]])


def test_dnn_batch_normalization(value):
    gamma, beta = np.ones((1, 2, 1, 1)), np.zeros((1, 2, 1, 1))
    output, mean, invstd = value(
        gpuarray.dnn.dnn_batch_normalization_train(IMAGES, gamma, beta, "spatial")
    )
    np.testing.assert_allclose(mean.ravel(), IMAGES.mean((0, 2, 3)))
    test = gpuarray.dnn.dnn_batch_normalization_test(
        IMAGES, gamma, beta, mean, invstd**-2 - 1e-4, "spatial"
    )
    np.testing.assert_allclose(value(test), output)


@pytest.mark.parametrize(
    ("arguments", "axes"),
    [
        (("accurate", "channel"), 1),
        (("bc01", "fast", "channel"), 1),
        (("accurate", "instance"), (1, 2, 3)),
        ((), (1, 2, 3)),
    ],
)
def test_dnn_softmax(arguments, axes, value):
    result = value(cuda.dnn.GpuDnnSoftmax(*arguments)(IMAGES))
    np.testing.assert_allclose(result.sum(axes), np.ones_like(result.sum(axes)))
    logarithm = gpuarray.dnn.GpuDnnSoftmax(algo="log", mode="channel")(IMAGES)
    np.testing.assert_allclose(np.exp(value(logarithm)).sum(1), np.ones((2, 5, 6)))
