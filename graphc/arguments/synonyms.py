"""Names that arguments have in other libraries, so that a wrong one is told ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SYNONYMS: tuple[str, ...] = (
    "axis dim axes dims dimension",
    "dim axis axes dims dimension",
    "axes axis dim dims perm permutation order",
    "keepdims keepdim keep_dims",
    "ddof correction unbiased",
    "lr learning_rate rate step_size eta learningRate base_lr max_lr alpha",
    "betas beta1 beta2 beta_1 beta_2 b1 b2 beta",
    "eps epsilon",
    "alpha rho decay decay_rate beta2 smoothing_constant",
    "momentum mu beta beta1",
    "nesterov use_nesterov",
    "weight_decay wd decay l2 l2_regularization",
    "amsgrad use_amsgrad",
    "max_norm clip_norm clipnorm max_value norm",
    "clip_value clipvalue max_value clip",
    "gamma decay decay_rate factor drop",
    "step_size period decay_steps every transition_steps",
    "milestones boundaries steps",
    "T_max decay_steps total_steps max_iter steps total_iters",
    "eta_min min_lr end_value lr_min",
    "total_iters total_steps steps warmup_steps max_iter decay_steps",
    "steps warmup_steps warmup warmup_epochs every",
    "epochs n_epochs num_epochs nb_epoch max_epochs epoch iterations n_iter",
    "batch_size batchsize batch bs minibatch_size batch_sz",
    "dev validation_data val valid validation val_data dev_data validation_set",
    "train data training_data train_data dataset X x",
    "data dataset test X x",
    "patience early_stopping early_stopping_rounds",
    "callbacks callback hooks",
    "verbose verbosity quiet silent",
    "checkpoint checkpoint_path resume_from save_path",
    "metrics metric",
    "optimizer optim opt solver",
    "loss loss_fn criterion objective",
    "seed random_state rng random_seed key generator",
    "in_features in_channels input_size input_dim in_size n_in fan_in",
    "out_features units out_channels output_size output_dim out_size n_out fan_out",
    "bias use_bias bias_term with_bias",
    "weight_init kernel_initializer weight_initializer init w_init kernel_init",
    "bias_init bias_initializer b_init",
    "init initializer initial_value value initialization",
    "p rate prob drop_prob dropout drop_rate probability dropout_rate",
    "negative_slope slope alpha leak leakiness",
    "approximate approx",
    "normalized_shape normalized_axes shape num_features",
    "elementwise_affine affine",
    "input x inputs a logits predictions y_pred preds tensor array scores prediction",
    "target y labels targets y_true label true",
    "logits input x predictions y_pred y_score scores",
    "labels target y targets y_true label",
    "predictions input x y_pred preds prediction logits",
    "targets target y y_true labels",
    "weight class_weight weights class_weights sample_weight w kernel",
    "ignore_index ignore_label ignored mask_value",
    "reduction reduce size_average",
    "label_smoothing smoothing",
    "num_classes depth n_classes classes",
    "a x array arr input tensor",
    "x a array arr input tensor",
    "arr a x array input tensor",
    "array a x arr input tensor",
    "x1 a x input lhs left",
    "x2 b y other rhs right",
    "b x2 y other",
    "condition cond mask pred",
    "arrays tensors xs seq inputs values",
    "indices index idx ids",
    "shape size sizes dims",
    "size shape sizes dims sample_shape",
    "loc mean mu",
    "scale std sigma stddev",
    "low minval a lower",
    "high maxval b upper",
    "fill_value value fill constant",
    "value x array data object",
    "dtype type",
    "source src start",
    "destination dst dest end",
    "name label",
    "y loss output outputs f fn fun func function",
    "wrt x variables parameters params inputs with_respect_to argnums",
    "cotangent v grad_output grad_outputs cotangents vector",
    "tangents tangent v vector u",
    "outputs output nodes fn graph function",
    "nodes outputs output fetches node x",
    "inputs args arguments feeds",
    "feeds feed_dict inputs data feed values",
    "threads num_threads n_jobs n_threads workers",
    "simplify optimize optimise optimization",
    "path file filename fname filepath",
    "k top_k n",
    "tolerance tol gtol ftol",
    "max_iterations max_iter maxiter n_iter iterations",
    "method solver algorithm",
    "parameters params weights",
    "strength weight lambd lam alpha coefficient",
    "pad_width pad padding paddings",
    "shift shifts",
    "reps repeats repetitions multiples dims",
    "repeats repeat counts reps",
    "indices_or_sections sections split_size_or_sections indices num_or_size_splits",
    "ary a x input array",
    "tup arrays tensors",
    "m a x input array",
    "num steps n",
    "N n rows num_rows",
    "M m columns num_columns",
    "k offset diagonal",
    "offset k diagonal",
    "min_val min low a_min lower",
    "max_val max high a_max upper",
)
"""For each name of an argument the names that other libraries have for it."""


def name_here(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that the name of an argument means, if it means one.

    >>> name_here("learning_rate", ["lr", "betas", "eps"])
    'lr'
    >>> name_here("redction", ["input", "target", "reduction"])
    'reduction'
    """
    known = list(names)
    close = difflib.get_close_matches(name, known, 1, 0.8)
    if close:
        return close[0]
    for group in _SYNONYMS:
        ours, *others = group.split()
        if ours in known and name in others:
            return ours
    return next(iter(difflib.get_close_matches(name, known, 1, 0.6)), None)
