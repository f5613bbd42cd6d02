"""Slots and intents: learn tagged sentences, measure on new ones, tag text, follow a stream of words.

The test sentences have wordings and cities that training has not (`elman.corpora.flights`).
"""

import elman
from elman.corpora import FLIGHT_SLOTS, flights
from elman.data.tagged import TaggedSentence


def with_intent(part: str) -> list[TaggedSentence]:
    """English booking sentences; the intent says whether a day of departure or of arrival is given."""
    rows = []
    for tokens, tags in flights(part, "en"):
        days = [name for name in ("departure", "arrival") if f"B-{name}_time" in tags]
        rows.append(TaggedSentence(tokens, tags, "+".join(days) or "no day"))
    return rows


def main() -> None:
    train, test = with_intent("train")[:1200], with_intent("test")
    for direction in (False, True):
        model = elman.Tagger(encoder="gru", bidirectional=direction, hidden=48, embedding=32, slots=FLIGHT_SLOTS)
        model.fit(train, epochs=3)
        found = model.evaluate(test)
        print(
            f"{'both directions' if direction else 'forwards alone'}: slot F1 {found['slot_f1']:.1%}, "
            f"intents {found['intent_accuracy']:.1%}, whole sentences {found['sentence_accuracy']:.1%}"
        )
        if not direction:
            forwards = model

    model.save("flights.elman")
    (tagging,) = elman.load("flights.elman").predict(
        ["I would like to arrive in Taipei on August 2"], today="2020-06-01"
    )
    print(f"\n{tagging.text}  [{tagging.intent}]")
    for slot in tagging.slots:
        print(f"  {slot.name}: {slot}")

    print("\nA stream, a word at a time:")
    step, state = forwards.stepper(), None
    for word in ["fly", "to", "Taipei", "tomorrow"]:
        tagged, state = step(word, state)
        print(f"  {word:9} {tagged.tag:15} {tagged.probability:4.0%}")


if __name__ == "__main__":
    main()
