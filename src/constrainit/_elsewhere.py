"""What has another name here, or another place: hints of errors, read where there is one."""

import difflib
from collections.abc import Iterable

_PLACES = {
    "Feasible": "an initializer, constrainit.initializers.Feasible(a_set)",
    "MatchingBias": "an initializer of biases, constrainit.initializers.MatchingBias()",
    "MlflowSink": "a place for logs, constrainit.log.MlflowSink",
    "TensorBoardSink": "a place for logs, constrainit.log.TensorBoardSink",
    "WandbSink": "a place for logs, constrainit.log.WandbSink",
    "assert_feasible": "for tests, constrainit.testing.assert_feasible(model)",
}

# As in docs/from_other_libraries.md, which has them all with the sets that need words.
_THERE = {
    "Keras": {
        "NonNeg": "ci.NonNegative()",
        "MinMaxNorm": "ci.NormRange(0.5, 2)",
        "RadialConstraint": "ci.Affine",
        "OrthogonalRegularizer": "ci.Orthogonal()",
        "SpectralNormalization": "ci.SpectralNorm(1)",
    },
    "torch.distributions": {
        "greater_than_eq": "ci.Box(2, None)",
        "greater_than": "ci.Box(2.0001, None)",
        "less_than": "ci.Box(None, 1.9999)",
        "interval": "ci.Box(0.1, 1)",
        "half_open_interval": "ci.Box(0.1, 1)",
        "unit_interval": "ci.Box(0, 1)",
        "integer_interval": "ci.Grid(1, 0, 7)",
        "boolean": "ci.Grid(1, 0, 1)",
        "nonnegative_integer": "ci.Grid(1, 0)",
        "positive_integer": "ci.Grid(1, 1)",
        "one_hot": "ci.Simplex(axis=-1) & ci.TopK(1, axis=-1)",
        "lower_triangular": "ci.Triangular()",
        "lower_cholesky": "ci.CholeskyFactor(1e-4)",
        "corr_cholesky": "ci.CorrelationCholesky(1e-4)",
        "positive_definite": "ci.PositiveSemidefinite(1e-4)",
        "cat": "ci.Product([ci.Positive(), ci.Simplex(axis=-1)], [2, 3])",
    },
    "geotorch": {
        "skew": "ci.SkewSymmetric()",
        "grassmannian": "ci.Orthogonal()",
        "almost_orthogonal": "ci.SingularValues(0.9, 1.1)",
        "invertible": "ci.SingularValues(0.1, 10)",
        "positive_semidefinite_low_rank": "ci.PositiveSemidefinite(rank=2)",
        "alpha_stable": "ci.Dissipative(0.1)",
    },
    "geoopt": {
        "Stiefel": "ci.Orthogonal()",
        "CanonicalStiefel": "ci.Orthogonal()",
        "EuclideanStiefel": "ci.Orthogonal()",
        "Sphere": "ci.UnitNorm(axis=-1)",
        "PoincareBall": "ci.MaxNorm(0.996, axis=-1)",
        "SymmetricPositiveDefinite": "ci.PositiveSemidefinite(1e-4)",
        "BirkhoffPolytope": "ci.DoublyStochastic()",
        "ProductManifold": "ci.Product([ci.UnitNorm(axis=-1), None], [4, 4])",
    },
    "optax": {
        "projection_non_negative": "ci.NonNegative()",
        "projection_box": "ci.Box(-1, 1)",
        "projection_hypercube": "ci.Box(0, 2)",
        "projection_simplex": "ci.Simplex(3, axis=[0, 1])",
        "projection_l1_ball": "ci.L1Ball(2, axis=[0, 1])",
        "projection_l1_sphere": "ci.L1Sphere(2, axis=[0, 1])",
        "projection_l2_ball": "ci.MaxNorm(2, axis=[0, 1])",
        "projection_l2_sphere": "ci.NormRange(2, 2, axis=[0, 1])",
        "projection_linf_ball": "ci.MaxAbs(2)",
        "projection_hyperplane": "ci.Affine([1, 2], 3)",
        "projection_halfspace": "ci.Halfspace([1, 2], 3)",
        "projection_vector": "ci.Affine([2, -1])",
    },
    "jaxopt": {
        "projection_sparse_simplex": "ci.Simplex() & ci.TopK(4)",
        "projection_affine_set": "ci.Affine([[1, 1, 0], [0, 1, -1]], [1, 0])",
        "projection_polyhedron": "ci.Polyhedron([[1, 0], [-1, 1]], [1, 0])",
        "projection_box_section": "ci.Box(0, 1) & ci.SumTo(2)",
        "projection_birkhoff": "ci.DoublyStochastic()",
        "projection_transport": "ci.Transport([1, 2], [2, 1])",
    },
    "chop": {
        "LinfBall": "ci.MaxAbs(2)",
        "L2Ball": "ci.MaxNorm(2)",
        "NuclearNormBall": "ci.NuclearNorm(2)",
        "make_feasible": "ci.prepare(model)",
    },
    "TensorFlow Lattice": {
        "PWLCalibration": "ci.Monotone()",
        "CategoricalCalibration": "ci.Polyhedron([1, -1, 0], 0, axis=0)",
        "Lattice": "ci.Monotone(axis=0)",
    },
    "TFP": {
        "Softplus": "ci.Positive()",
        "Exp": 'ci.Mapped(ci.Positive(), "exp")',
        "Sigmoid": "ci.Box(0.1, 1)",
        "Tanh": 'ci.Mapped(ci.Box(-1, 1), "tanh")',
        "SoftmaxCentered": "ci.Simplex(axis=-1)",
        "IteratedSigmoidCentered": "ci.Simplex(axis=-1)",
        "UnitVector": "ci.UnitNorm(axis=-1)",
        "Ascending": "ci.Monotone(gap=1e-4, axis=-1)",
        "FillTriangular": "ci.Triangular()",
        "FillScaleTriL": "ci.CholeskyFactor()",
        "Blockwise": "ci.Product([ci.Positive(), ci.Box(0, 1)], [2, 3])",
        "JointMap": "ci.constrained(kernel=ci.Positive(), bias=ci.Box(0, 1))",
        "TransformedVariable": "ci.Reparametrized(layer, kernel=ci.Positive())",
    },
    "numpyro": {
        "corr_matrix": "ci.Correlation()",
        "ordered_vector": "ci.Monotone(axis=-1)",
        "positive_ordered_vector": "ci.Monotone(axis=-1) & ci.NonNegative()",
        "zero_sum": "ci.ZeroMean(axis=-1)",
        "circular": "ci.Box(-3.1415927, 3.1415927)",
        "softplus_positive": "ci.Positive()",
        "softplus_lower_cholesky": "ci.CholeskyFactor()",
        "scaled_unit_lower_cholesky": "ci.CholeskyFactor()",
        "positive_definite_circulant_vector": "ci.Circulant() & ci.PositiveSemidefinite(1e-4)",
    },
    "Stan": {
        "ordered": "ci.Monotone()",
        "positive_ordered": "ci.Monotone() & ci.NonNegative()",
        "sum_to_zero_vector": "ci.ZeroMean()",
        "sum_to_zero_matrix": "ci.SumTo(axis=0) & ci.SumTo(axis=1)",
        "row_stochastic_matrix": "ci.RowStochastic()",
        "column_stochastic_matrix": "ci.ColumnStochastic()",
        "cov_matrix": "ci.PositiveSemidefinite(1e-4)",
        "cholesky_factor_cov": "ci.CholeskyFactor()",
        "cholesky_factor_corr": "ci.CorrelationCholesky()",
    },
    "deel-lip": {
        "SpectralConstraint": "ci.Orthogonal()",
        "FrobeniusConstraint": "ci.UnitNorm(axis=[0, 1])",
        "WeightClipConstraint": "ci.MaxAbs(2)",
        "AutoWeightClipConstraint": "ci.MaxAbs(0.0156)",
        "SpectralConv2D": "ci.ConvSpectralNorm(1)",
        "SpectralInitializer": "ci.constrained(kernel=ci.Orthogonal())",
    },
    "PyMC": {"sum_to_1": "ci.Simplex(axis=-1)"},
    "mononet": {"MonoDense": "ci.Sign([1, 0, -1])"},
    "monotonicnetworks": {"direct_norm": "ci.L1Ball(1)"},
    "larq": {"weight_clip": "ci.MaxAbs(1)"},
    "tfmot": {"prune_low_magnitude": "ci.TopK(8)"},
}


def hint(name: str, known: Iterable[str]) -> str:
    """Where to find what is asked for by a name that is none of those known; may be empty.

    Args:
        name: The name, in letters of any case, with underscores or without.
        known: The names that there are.
    """
    wanted = _folded(name)
    for one, place in _PLACES.items():
        if _folded(one) == wanted:
            return f"{one} is {place}."
    for library, names in _THERE.items():
        for one, here in names.items():
            if _folded(one) == wanted:
                return f"{one} of {library} is here {here}, see docs/from_other_libraries.md."
    folded = {_folded(one): one for one in known}
    near = difflib.get_close_matches(wanted, folded, n=3, cutoff=0.6)
    return f"Near to it: {', '.join(folded[one] for one in near)}." if near else ""


def _folded(name):
    return name.strip().lower().replace("_", "").replace("-", "")
