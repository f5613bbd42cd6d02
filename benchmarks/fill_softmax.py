"""What the sampled softmax of elman.Filler costs and loses: seconds a step, and the loss over all words.

    python benchmarks/fill_softmax.py                                          # Tatoeba's Chinese sentences
    ELMAN_DATA=data python benchmarks/fill_softmax.py --corpus zh_sentences    # a larger vocabulary

For each number of samples a network learns for so many steps from the same seed.  Printed are processor seconds a step,
the loss that training estimates on held-out sentences from as many samples, and the loss over all words on the same.
"""

import argparse
import time
import warnings

import numpy as np
import torch
from fill import CORPORA, split

from elman.tasks.filling.learner import FillLearner
from elman.tasks.filling.sampled import draw_sample, sampled_cross_entropy
from elman.tasks.filling.scoring import padded, places
from elman.tasks.filling.sentences import prepare
from elman.tasks.filling.settings import FillHyperparameters
from elman.tasks.optimisers import make_optimisers
from elman.tasks.plan import Plan

HELD_OUT = 500  # sentences
PLACES = 400  # of an estimate: about those of a step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", default="tatoeba-zh", choices=list(CORPORA))
    parser.add_argument("--samples", default="256,1024,4096,1000000")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    kind = CORPORA[options.corpus]
    training, validation, _ = split(options.corpus)
    data = prepare(training, validation[:HELD_OUT], kind, min_count=2, max_size=50_000)
    print(f"{options.corpus}, {options.steps} steps, a vocabulary of {len(data.lexicon):,}")
    print("samples    CPU s a step   estimated loss   loss over all words")
    for samples in map(int, options.samples.split(",")):
        settings = FillHyperparameters(tokens=kind, samples=samples).completed(kind)
        network = settings.new_network(len(data.lexicon), seed=0)
        network.expect(data.counts)
        learner = FillLearner(network, data, settings, 0, str)
        optimisers = make_optimisers(network, settings.learning_rate, Plan.weight_decay)
        generator, began = torch.Generator().manual_seed(0), time.process_time()
        for _ in range(options.steps):
            learner.loss(generator).backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), Plan.clip)
            for optimiser in optimisers:
                optimiser.step()
                optimiser.zero_grad()
        spent = (time.process_time() - began) / options.steps
        estimated, whole = losses(learner, samples, generator)
        shown = "all" if samples >= len(data.lexicon) else f"{samples:,}"
        print(f"{shown:10} {spent:12.3f} {estimated:16.3f} {whole:21.3f}", flush=True)


@torch.inference_mode()
def losses(learner: FillLearner, samples: int, generator: torch.Generator) -> tuple[float, float]:
    """On held-out sentences: the loss as a step would estimate it, and over all words."""
    network, rows = learner.network, learner._data.validation
    batch, lengths = padded(rows, np.arange(len(rows)))
    states, targets = places("both", batch, lengths, network.contexts(network.vectors(batch), lengths))
    order = torch.randperm(len(targets), generator=generator)  # a step has places from all over sentences
    z, targets = network.read_out("both", *states)[order], targets[order]
    sums = torch.zeros(2, dtype=torch.float64)
    for some, right in zip(z.split(PLACES), targets.split(PLACES), strict=True):
        sample = draw_sample(right, learner._frequencies, samples, generator).below(network.vocabulary)
        estimate = sampled_cross_entropy(network.logits(some, sample.classes), right, sample)
        whole = torch.nn.functional.cross_entropy(network.logits(some), right)
        sums += torch.stack([estimate, whole]).double() * len(right)
    estimated, exact = (sums / len(z)).tolist()
    return estimated, exact


if __name__ == "__main__":
    main()
