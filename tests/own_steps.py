"""Models that train by a `train_step` of their own, written for each backend as its guide does."""

import keras
from keras import layers, ops

BACKEND = keras.backend.backend()


class Trained(keras.Model):
    """Each optimizer takes its loss down along its weights, one after the other.

    `parts()` gives the names of the attributes that hold the optimizers, each with the weights that
    it trains; `objectives(data)` gives the losses, in that order, and what else is reported.
    """

    after = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # A model without `call` is never built by Keras.
        self.built = True

    def parts(self):
        return {"optimizer": self.trainable_variables}

    def _optimizers(self):
        return [(getattr(self, name), weights) for name, weights in self.parts().items()]

    if BACKEND == "torch":

        def train_step(self, data):
            import torch

            reported = {}
            for place, (optimizer, weights) in enumerate(self._optimizers()):
                self.zero_grad()
                losses = self.objectives(data)
                list(losses.values())[place].backward()
                with torch.no_grad():
                    optimizer.apply([w.value.grad for w in weights], weights)
                reported |= losses
            if self.after:
                self.after()
            return reported

    elif BACKEND == "tensorflow":

        def train_step(self, data):
            import tensorflow as tf

            reported = {}
            for place, (optimizer, weights) in enumerate(self._optimizers()):
                with tf.GradientTape() as tape:
                    losses = self.objectives(data)
                    loss = list(losses.values())[place]
                optimizer.apply(tape.gradient(loss, [w.value for w in weights]), weights)
                reported |= losses
            if self.after:
                self.after()
            return reported

    else:

        def train_step(self, state, data):
            import jax

            trainable, others, slots, metrics = (list(part) for part in state)
            held = [*self.trainable_variables, *self.non_trainable_variables]
            values = {id(v): a for v, a in zip(held, [*trainable, *others], strict=True)}
            reported, at = {}, 0
            for place, (optimizer, weights) in enumerate(self._optimizers()):

                def objective(free, place=place, weights=weights, values=values):
                    now = {**values, **{id(w): a for w, a in zip(weights, free, strict=True)}}
                    mapping = [(v, now[id(v)]) for v in held]
                    with keras.StatelessScope(mapping) as scope:
                        losses = self.objectives(data)
                    kept = {id(v): scope.get_current_value(v) for v in held}
                    return list(losses.values())[place], (losses, kept)

                free = [values[id(w)] for w in weights]
                grads, (losses, values) = jax.grad(objective, has_aux=True)(free)
                own = slots[at : at + len(optimizer.variables)]
                free, own = optimizer.stateless_apply(own, grads, free)
                values |= {id(w): a for w, a in zip(weights, free, strict=True)}
                slots[at : at + len(own)] = own
                at += len(own)
                reported |= losses
            if self.after:
                mapping = [(v, values[id(v)]) for v in held]
                with keras.StatelessScope(mapping) as scope:
                    self.after()
                values = {id(v): scope.get_current_value(v) for v in held}
            found = [values[id(v)] for v in held]
            count = len(trainable)
            return reported, (found[:count], found[count:], slots, metrics)

        def _all_slots(self):
            for optimizer, weights in self._optimizers():
                if not optimizer.built:
                    optimizer.build(weights)
                yield from optimizer.variables

        def _get_jax_state(self, purge_model_variables=False, **named):
            held = [self.trainable_variables, self.non_trainable_variables, self._all_slots()]
            return *([v.value for v in part] for part in held), []

        def jax_state_sync(self):
            # As in Keras: outside of its loop there is no state to take over.
            if not getattr(self, "_jax_state", None) or self._jax_state_synced:
                return
            held = [*self.trainable_variables, *self.non_trainable_variables, *self._all_slots()]
            state = self._jax_state
            names = ("trainable_variables", "non_trainable_variables", "optimizer_variables")
            found = [value for name in names for value in state[name]]
            for variable, value in zip(held, found, strict=True):
                variable.assign(value)
            self._jax_state_synced = True


def net(*sizes, last=None, name=None, **named):
    """Dense layers, built."""
    hidden = [layers.Dense(size, "tanh", **named) for size in sizes[1:-1]]
    return keras.Sequential(
        [keras.Input(sizes[:1]), *hidden, layers.Dense(sizes[-1], last, **named)], name=name
    )


class Autoencoder(Trained):
    """Variational: what it is given is drawn anew at each step."""

    def __init__(self, **kwargs):
        super().__init__(name="autoencoder")
        self.encoder = net(4, 8, 4, name="encoder", **kwargs)
        self.decoder = net(2, 8, 4, name="decoder", **kwargs)
        self.noise = keras.random.SeedGenerator(3)
        self.compile(keras.optimizers.Adam(0.01))

    def objectives(self, data):
        x = data[0] if isinstance(data, tuple) else data
        mean, spread = ops.split(self.encoder(x), 2, axis=-1)
        drawn = mean + ops.exp(spread / 2) * keras.random.normal(ops.shape(mean), seed=self.noise)
        far = ops.mean(ops.square(self.decoder(drawn) - x))
        near = -0.5 * ops.mean(1 + spread - ops.square(mean) - ops.exp(spread))
        return {"loss": far + 0.01 * near, "kl_loss": near}


class Adversaries(Trained):
    """A maker of samples and a critic, each with an optimizer of its own, and no `call`."""

    def __init__(self, critic=True, **kwargs):
        super().__init__(name="adversaries")
        self.maker = net(2, 8, 4, name="maker", **kwargs)
        self.critic = net(4, 8, 1, name="critic", **kwargs)
        self.noise = keras.random.SeedGenerator(3)
        self.both = critic

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def parts(self):
        d = {"d_optimizer": self.critic.trainable_variables} if self.both else {}
        return {**d, "g_optimizer": self.maker.trainable_variables}

    def objectives(self, data):
        x = data[0] if isinstance(data, tuple) else data
        made = self.maker(keras.random.normal((x.shape[0], 2), seed=self.noise))
        real, false = self.critic(x), self.critic(made)
        d = {"d_loss": ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(false))}
        return {**(d if self.both else {}), "g_loss": ops.mean(ops.softplus(-false))}


class Contrast(Trained):
    """Two noisy views of each example find one another."""

    def __init__(self, temperature=0.2):
        super().__init__(name="contrast")
        self.body, self.temperature = net(4, 16, 4, name="body"), temperature
        self.noise = keras.random.SeedGenerator(3)
        self.compile(keras.optimizers.Adam(0.01))

    def objectives(self, data):
        x = data[0] if isinstance(data, tuple) else data
        one, two = (
            ops.normalize(self.body(x + 0.1 * keras.random.normal(x.shape, seed=self.noise)))
            for _ in range(2)
        )
        scores = ops.matmul(one, ops.transpose(two)) / self.temperature
        wanted = ops.arange(x.shape[0])
        loss = keras.losses.sparse_categorical_crossentropy(wanted, scores, from_logits=True)
        return {"contrastive_loss": ops.mean(loss)}


class Regression(Trained):
    """What the step of `keras.Model` does, by hand; `function` is put behind the distances."""

    def __init__(self, function=ops.square, rate=0.05, **kwargs):
        super().__init__(name="regression")
        self.body, self.function = net(4, 8, 1, name="body", **kwargs), function
        self.compile(keras.optimizers.SGD(rate), "mse")

    def call(self, x):
        return self.body(x)

    def objectives(self, data):
        x, y = data
        return {"loss": ops.mean(self.function(self(x) - y))}
