"""N-gram models in a few seconds: smoothing, memory against order, an ARPA file, and a mixture with a network.

docs/ngram.md tells the whole of it.
"""

import warnings

import elman
from elman.tasks import evaluate_mixture

LINES = elman.corpora.shakespeare().splitlines(keepends=True)
TRAINING, UNSEEN = "".join(LINES[:12_000]), "".join(LINES[12_000:13_000])


def main() -> None:
    warnings.simplefilter("ignore")  # of words that the models have never met
    counted = elman.NGram(order=3, smoothing="maximum-likelihood").fit(TRAINING)
    print(f"counts alone: perplexity {counted.evaluate(UNSEEN)['perplexity']}")

    print("\nmodified Kneser-Ney, by words")
    print(" N  perplexity  n-grams kept  possible")
    for order in (1, 2, 3):
        model = elman.NGram(order=order).fit(TRAINING)
        perplexity, words = model.evaluate(UNSEEN)["perplexity"], len(model.lexicon)
        print(f"{order:2}  {perplexity:10.1f}  {sum(model.table.sizes):12,}  {float(words) ** order:8.0e}")

    (likely,) = model.predict(["I pray"], top=3)
    print("\nI pray:", ", ".join(f"{word!r} {probability:.0%}" for word, probability in likely))
    print("".join(model.generate("My lord,", length=40, seed=4)).strip())

    model.save_arpa("bard.arpa.gz")
    again = elman.load("bard.arpa.gz")
    same = again.evaluate(UNSEEN) == model.evaluate(UNSEEN)
    print(f"\nwritten for KenLM and read back, the same to the bit: {same}")

    table = elman.NGram(order=5, tokens="chars").fit(TRAINING[:100_000])
    network = elman.LanguageModel(cell="gru", hidden=64, batch=16, window=32, learning_rate=0.01)
    network.fit(TRAINING[:100_000], epochs=2)
    found = evaluate_mixture(network, table, UNSEEN)
    print("\nperplexity of a character")
    for name, key in (("n-grams", "perplexity_ngram"), ("network", "perplexity_lm"), ("mixed", "perplexity")):
        print(f"  {name:8}{found[key]:6.3f}")


if __name__ == "__main__":
    main()
