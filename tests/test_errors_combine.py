"""Wrong arguments of the combinators: what was wrong and what came."""
# ruff: noqa: E501  (whole messages, each on its line)

import numpy as np
from conftest import whole_messages
from test_errors import NAN, POSITIVE

import constrainit as ci

W = np.ones((4, 6), "float32")

WRONG = [
    # call, the whole message
    (lambda: (ci.Simplex(axis=1) & ci.TopK(2)).project(W),
     r"`Intersection` must have TopK\(k=2, axis=None\) along the axes of the other set. Received: axes "
     r"\[0\] and \[1\], with Simplex\(total=1.0, axis=1\)."),
    (lambda: ci.SumTo(1.0) & ci.TopK(2),
     r"`sets` of `Intersection` must be convex, each of them. Received: .* TopK\(k=2, axis=None\) is not: .*"),
    (lambda: ci.Box(0.1, 1.0) & ci.TopK(2), "`sets` of `Intersection` must be convex, each of them. .*"),
    (lambda: ci.Box(-1.0, 2.0) & ci.TopK(2), "`sets` of `Intersection` must be convex, each of them. .*"),
    *((lambda make=make: make().transform.forward(np.ones((4, 6), "float16")), found)
      for make, found in (
          (lambda: ci.Simplex() & ci.Box(0.05, 0.25),
           "`upper` must leave weights of the sum 1 some room: of 4 weights it has to be above 0.25. Received: "
           "upper=0.25, where every weight could only be 0.25, with nothing left to train."),
          (lambda: ci.Simplex() & ci.Box(upper=0.24),
           r"`upper` .* Received: upper=0.24 \(0.23999 in float16\), where no weights have the sum 1."),
          (lambda: ci.MaxAbs(0.25) & ci.SumTo(-2.0),
           "`lower` must leave weights of the sum -2 some room: of 4 weights it has to be below -0.5. Received: "
           "lower=-0.25, where no weights have the sum -2."),
          (lambda: ci.Box(0.0, 0.5) & ci.ZeroMean(),
           "`lower` .* Received: lower=0, where every weight could only be 0, with nothing left to train."))),
    (lambda: ci.Product([]), r"`sets` of `Product` must be a list of sets, or None for free. Received: sets=\[\]."),
    (lambda: ci.Product([None, None]),
     r"`sets` of `Product` must hold a set for one block at least. Received: sets=\[None, None\]."),
    (lambda: ci.Product(ci.UnitNorm()), "`sets` of `Product` must be a list of sets, .* Received: sets=UnitNorm.*"),
    (lambda: ci.Product([3]), "`sets` of `Product` must be .*"),
    (lambda: ci.Product([None, "non_neg"], [1]),
     r"`sizes` of `Product` must be None, or a list of 2 integers, one for each set. Received: sizes=\[1\]."),
    (lambda: ci.Product([ci.UnitNorm()], 3), "`sizes` of `Product` must be None, or a list of 1 integers, .* sizes=3."),
    (lambda: ci.Product([ci.UnitNorm()], "a"), "`sizes` of `Product` must be None, or a list of .* sizes='a'."),
    (lambda: ci.Product([ci.UnitNorm()], [0]), "`sizes` of `Product` must be an integer of at least 1. Received: sizes=0."),
    (lambda: ci.Product([ci.UnitNorm()], [1.5]), "`sizes` of `Product` must be an integer .* sizes=1.5."),
    (lambda: ci.Product([ci.UnitNorm()], axis=True), "`axis` of `Product` must be an integer. Received: axis=True."),
    (lambda: ci.Product([ci.UnitNorm(), None], [2, 3]).project(W),
     r"`Product` must cut axis -1 of the weight into blocks of sizes \[2, 3\]. Received: shape=\(4, 6\)."),
    (lambda: ci.Product([ci.UnitNorm()] * 4).project(W),
     r"`Product` must cut axis -1 of the weight into blocks of one size, 4 of them. Received: shape=\(4, 6\)."),
    (lambda: ci.Product([None, ci.Symmetric()]).project(W), "`Symmetric` needs a weight whose last two axes .*"),
    (lambda: ci.Product([ci.UnitNorm()], axis=2).violation(W), "`Product` must cut axis 2 of the weight into .*"),
    (lambda: ci.Product([ci.SelfStarting("unit_norm")]),
     "`sets` of `Product` must be a set that is only projected onto. Received: sets=SelfStarting.*. Put "
     "`SelfStarting` around `Product`."),
    (lambda: ci.Mapped(ci.Positive(), "sigmoid"),
     "`map` of `Mapped` must be 'softplus' or 'exp' for Positive.*. Received: map='sigmoid'."),
    (lambda: ci.Mapped(ci.Positive(), "softpluss"), "`map` .* Write map='softplus'."),
    (lambda: ci.Mapped(ci.Box(0, 1), None), "`map` of `Mapped` must be 'sigmoid' or 'tanh' for Box.* map=None."),
    (lambda: ci.Mapped(ci.Simplex(), "exp"),
     "`set` of `Mapped` must have several smooth maps: be bounds, one pair for all entries. Received: set=Simplex.*"),
    (lambda: ci.Relaxed(ci.UnitNorm(), 0), f"`rate` of `Relaxed` {POSITIVE} rate=0."),
    (lambda: ci.Relaxed(ci.UnitNorm(), 1.1), "`rate` of `Relaxed` must be at most 1. Received: rate=1.1."),
    (lambda: ci.Relaxed(ci.UnitNorm(), NAN), "`rate` of `Relaxed` must be a finite number. Received: rate=nan."),
    (lambda: ci.Relaxed(None, 0.5), "`set` of `Relaxed` must be .*"),
    (lambda: ci.Every(ci.UnitNorm(), 0), "`steps` of `Every` must be an integer of at least 1. Received: steps=0."),
    (lambda: ci.Every(ci.UnitNorm(), 2.5), "`steps` of `Every` must be an integer of at least 1. Received: steps=2.5."),
    (lambda: ci.Every(ci.Braked(ci.UnitNorm()), 2),
     r"`set` of `Every` must be a set other than `Braked`, which must see the weight's variable. Received: "
     r"set=Braked\(.*\). Put `Braked` around `Every`."),
    (lambda: ci.Braked(ci.Braked(ci.UnitNorm())), "`set` of `Braked` must be a set other than `Braked`, .*"),
    (lambda: ci.Joint(ci.Braked(ci.UnitNorm())), "`set` of `Joint` must be a set other than `Braked`, .*"),
    (lambda: ci.Braked(3), "`set` of `Braked` must be .*"),
    (lambda: ci.Every(ci.UnitNorm(axis=3), 2)(W), "`axis` of `UnitNorm` must name different axes .*"),
]  # fmt: skip


test_message = whole_messages(WRONG)
