"""A character language model in a few seconds: learn a piece of Shakespeare, measure, save, load, write.

Given minutes instead (`time="3m"` and the whole text) it writes scenes; `make demo` shows that.
"""

import elman

TEXT = elman.corpora.shakespeare()


def main() -> None:
    model = elman.LanguageModel(cell="gru", layers=1, hidden=64, batch=16, window=32, learning_rate=0.01)
    print(f"knowing nothing: {len(set(TEXT))} characters, perplexity {len(set(TEXT))}")
    model.fit(TEXT[:60_000], epochs=2, seed=0)

    unseen = TEXT[80_000:90_000]
    figures = model.evaluate(unseen)
    print(
        f"on text it has not seen: {figures['bits_per_char']:.2f} bits a character, "
        f"perplexity {figures['perplexity']:.1f}"
    )

    model.save("bard.elman")
    again = elman.load("bard.elman")
    print(f"saved and loaded, the same to the bit: {again.evaluate(unseen) == figures}")

    (likely,) = again.predict(["What is your nam"], top=3)
    print("What is your nam:", ", ".join(f"{token!r} {probability:.0%}" for token, probability in likely))

    print("\nIt writes on from ROMEO:")
    for piece in again.generate("ROMEO:\n", length=200, temperature=0.7, seed=0):
        print(piece, end="", flush=True)  # a character at a time, as a stream
    print()


if __name__ == "__main__":
    main()
