"""One vocabulary for the operations of three backends."""

_COMMON = {
    "add": "add add_ addv2 addn add_any biasadd bias_add accumulate_n",
    "subtract": "sub sub_ rsub",
    "multiply": "mul mul_ mulnonan",
    "divide": "div div_ realdiv divide truediv reciprocal inv divnonan xdivy",
    "remainder": "rem fmod remainder floormod",
    "power": "pow pow_ integer_pow float_power",
    "negative": "neg",
    "absolute": "abs",
    "exp": "exp exp2",
    "cast": "convert_element_type _to_copy to cast copy_ reduce_precision",
    "matmul": "dot_general mm bmm addmm baddbmm dot mv addmv matvec linear einsum batchmatmul "
    "batchmatmulv2 batchmatmulv3 ragged_dot",
    "convolution": "conv_general_dilated conv2d conv3d depthwiseconv2dnative _convolution "
    "convolution_overrideable conv2dbackpropinput conv3dbackpropinputv2 mkldnn_convolution",
    "sum": "reduce_sum",
    "mean": "reduce_mean",
    "product": "prod reduce_prod",
    "maximum": "max clamp_min relu relu6",
    "minimum": "min clamp_max",
    "clip": "clamp clipbyvalue",
    "max": "reduce_max amax",
    "min": "reduce_min amin",
    "where": "select_n select selectv2 masked_fill",
    "sigmoid": "logistic",
    "softmax": "_softmax",
    "log_softmax": "_log_softmax logsoftmax",
    "norm": "linalg_vector_norm",
    "cholesky": "linalg_cholesky_ex linalg_cholesky",
    "inverse": "linalg_inv_ex linalg_inv matrixinverse",
    "solve": "_linalg_solve_ex matrixsolve triangular_solve linalg_solve_triangular "
    "matrixtriangularsolve",
    "logdet": "_linalg_slogdet logmatrixdeterminant",
    "determinant": "_linalg_det matrixdeterminant",
    "svd": "_linalg_svd",
    "eigh": "_linalg_eigh selfadjointeigv2",
    "variance": "var var_mean",
    "arccos": "acos",
    "arcsin": "asin",
    "arctanh": "atanh",
    "arccosh": "acosh",
    "erfinv": "erf_inv",
    "cumsum": "reduce_window_sum",
    "gather": "embedding index_select index resourcegather gatherv2 gathernd take",
    "reshape": "view _unsafe_view unsqueeze squeeze expand expanddims broadcast_in_dim broadcastto "
    "permute transpose t alias detach identity copy contiguous slice",
    "log": "log xlogy",
}
_CANONICAL = {name: common for common, names in _COMMON.items() for name in names.split()}


def canonical(name: str) -> str:
    """The common name of a backend's operation; its own in lower case where there is none."""
    name = name.lower()
    return _CANONICAL.get(name, name)
