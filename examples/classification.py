"""How did the last match end?  Sentences to labels, where only the order of the words tells; in a few seconds.

"The reds won on friday after they lost on sunday" and "the reds lost on friday after they won on sunday" have the same
words.  A bag of words has to guess; a recurrent network reads.
"""

import random

import elman

FORMS = {  # x is the last result, y the one before it
    "the {team} {y} on {day} , then {x} on {other}",
    "the {team} {y} on {day} before they {x} on {other}",
    "the {team} {x} on {day} after they {y} on {other}",
    "after they {y} on {day} the {team} {x} on {other}",
    "before they {x} on {day} the {team} {y} on {other}",
}
TEAMS, DAYS = ["reds", "blues", "owls", "bears"], ["monday", "friday", "sunday"]


def write_table(path: str, rows: int, seed: int) -> None:
    chance = random.Random(seed)
    with open(path, "w", encoding="utf-8") as file:
        for _ in range(rows):
            x, y = chance.sample(["won", "lost", "drew"], 2)
            day, other = chance.sample(DAYS, 2)
            form = chance.choice(sorted(FORMS))
            print(form.format(team=chance.choice(TEAMS), x=x, y=y, day=day, other=other), x, sep="\t", file=file)


def main() -> None:
    write_table("train.tsv", 600, seed=0)
    write_table("test.tsv", 300, seed=1)
    network = {"hidden": 24, "embedding": 16, "ngrams": 0, "batch": 32, "learning_rate": 0.01, "dropout": 0.1}

    bag = elman.Classifier(encoder="feedforward", **network).fit("train.tsv", epochs=15)
    model = elman.Classifier(encoder="gru", **network).fit("train.tsv", epochs=15)
    print(f"bag of words {bag.evaluate('test.tsv')['accuracy']:.0%}")
    print(f"gru          {model.evaluate('test.tsv')['accuracy']:.0%}")
    for text in (
        "the owls won on friday after they lost on sunday",
        "the owls lost on friday after they won on sunday",
    ):
        print(text, "->", ", ".join(f"{label} {p:.0%}" for label, p in model.predict([text], top=2)[0]))

    stream = elman.Classifier(bidirectional=False, **network).fit("train.tsv", epochs=15)
    stream.save("results.elman")
    stream, state = elman.load("results.elman"), stream.initial_state()
    print("word by word:", end="")
    for word in ["the", "bears", "lost", "on", "monday", "before", "they", "drew", "on", "friday"]:
        (best,), state = stream.step(word, state)
        print(f" {word} ({best[0]})", end="")
    print()


if __name__ == "__main__":
    main()
