"""Matrix factorisation: ratings from a vector for each user and one for each item.

    python examples/matrix_factorisation.py

One rating in ten of a table of 600 users and 400 items is known, with noise. An
embedding of users, one of items and their biases are trained; what they predict is the
inner product. Other ratings have the noise as well, so no model errs less than that.
Source: Koren, Bell and Volinsky 2009, "Matrix factorization techniques for recommender
systems".
"""

import numpy as np

import graphc as gc

USERS, ITEMS, FACTORS, NOISE = 600, 400, 4, 0.5

user = gc.input("user", ("batch",), dtype="int64")
item = gc.input("item", ("batch",), dtype="int64")
rating = gc.input("rating", ("batch",))

start = gc.init.normal(0.3)
users = gc.parameter("users", (USERS, FACTORS), init=start)
items = gc.parameter("items", (ITEMS, FACTORS), init=start)
user_bias = gc.parameter("user_bias", (USERS,), init=gc.init.zeros())
item_bias = gc.parameter("item_bias", (ITEMS,), init=gc.init.zeros())
mean = gc.parameter("mean", (), init=gc.init.zeros())

taste = gc.nn.embedding(user, users)
quality = gc.nn.embedding(item, items)
prediction = mean + user_bias[user] + item_bias[item] + gc.sum(taste * quality, axis=1)

error = gc.mean((prediction - rating) ** 2)
sizes = gc.mean(gc.sum(taste**2 + quality**2, axis=1))
loss = error + 0.02 * sizes

EPOCHS, BATCH_SIZE = 40, 128
step_size = gc.optim.CosineAnnealingLR(0.01, T_max=EPOCHS)

trainer = gc.Trainer(
    loss, gc.optim.Adam(step_size), metrics={"error": error}, outputs=prediction
)


def make_data(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A tenth of the ratings to train on, and half as many others to test with."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((USERS, FACTORS)) @ rng.standard_normal(
        (FACTORS, ITEMS)
    )
    table += 3.0 + rng.normal(0.0, 0.5, (USERS, 1)) + rng.normal(0.0, 0.5, ITEMS)
    table += rng.normal(0.0, NOISE, table.shape)
    cells = rng.permutation(table.size)
    first = table.size // 10

    def known(cells: np.ndarray) -> dict[str, np.ndarray]:
        user, item = np.divmod(cells, ITEMS)
        return {
            "user": user,
            "item": item,
            "rating": table[user, item].astype(np.float32),
        }

    return known(cells[:first]), known(cells[first : first + first // 2])


def main() -> None:
    train, test = make_data(seed=0)
    trainer.fit(train, epochs=EPOCHS, batch_size=BATCH_SIZE)
    found = trainer.evaluate(test)["error"] ** 0.5
    print(f"spread of the test ratings     {test['rating'].std():.3f}")
    print(f"noise, below which none comes  {NOISE:.3f}")
    print(f"root mean square error in test {found:.3f}")
    assert found <= 1.2 * NOISE, "the factors were not found"


if __name__ == "__main__":
    main()
