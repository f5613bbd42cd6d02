"""A blank is filled from both of its sides: sentences of Tatoeba by words, in some seconds.

docs/filling.md tells the whole of it.
"""

import warnings

import elman

TRAINING, UNSEEN = elman.corpora.tatoeba("en")[:5000], elman.corpora.tatoeba("en", "dev")[:300]


def main() -> None:
    warnings.simplefilter("ignore")  # of words that the model has never met
    model = elman.Filler(hidden=64, embedding=64, learning_rate=8e-3).fit(TRAINING, epochs=3)
    print(f"{model.metrics['sentences']:,} sentences, a vocabulary of {len(model.lexicon):,}")

    figures = model.evaluate(UNSEEN)
    print("\nhidden word found  first   among five   nats")
    for name, side in (("from both sides", ""), ("from the left", "left_"), ("from the right", "right_")):
        right, listed = figures[f"{side}accuracy_words"], figures[f"{side}top_5_words"]
        print(f"{name:17} {right:7.1%} {listed:9.1%} {figures[f'{side}nats_per_word']:9.2f}")

    (filling,) = model.predict(["Where ___ you go?"], top=3, directions=True)
    (blank,) = filling.blanks
    print(f"\n{filling.text}")
    for name, found in (("both sides", blank.candidates), ("left alone", blank.left), ("right alone", blank.right)):
        print(f"  {name}: " + ", ".join(f"{word} {p:.0%}" for word, p in found or []))

    for line, question in (
        ("I ___ to ___ home.", {}),
        ("I don't ___ you.", {"choices": ["know", "green", "yesterday"]}),
        ("I don't ___ you.", {"longest": 2}),
    ):
        (filling,) = model.predict([line], **question)
        print(f"{line} -> {filling.text}")


if __name__ == "__main__":
    main()
