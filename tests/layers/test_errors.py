"""What is said to someone who passed something else."""

import re

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

import elman
from elman.layers import Weights, by_layer, functional

x = torch.zeros(7, 5, 3)  # T, N, I
LSTM, GRU = elman.LSTM(3, 4, num_layers=2), elman.GRU(3, 4)
row = Weights(*GRU.all_weights[0])

CASES = {
    "a list for input": (
        lambda: GRU([[0.0] * 3]),
        "input is a list; expected a Tensor (T, N, I) or a PackedSequence",
        TypeError,
    ),
    "4-D input": (
        lambda: GRU(x[None]),
        "input has shape (1, 7, 5, 3); expected (T, N, I) or (T, I) for one sequence, with I = input_size = 3",
    ),
    "wrong features": (
        lambda: GRU(x[..., :2]),
        "input has shape (7, 5, 2); expected (T, N, I) or (T, I) for one sequence, with I = input_size = 3",
    ),
    "wrong features, batch first": (
        lambda: elman.GRU(3, 4, batch_first=True)(x[..., :2]),
        "input has shape (7, 5, 2); expected (N, T, I), as batch_first is set, or (T, I) for one sequence, with I =",
    ),
    "a sparse input": (
        lambda: GRU(x.to_sparse()),
        "input is sparse_coo; expected a dense Tensor (T, N, I): for rows of unequal lengths, padded and with lengths",
        TypeError,
    ),
    "rows in a nested tensor": (
        lambda: GRU(torch.nested.nested_tensor([x[:, 0], x[:2, 0]], layout=torch.jagged)),
        "input is jagged; expected a dense Tensor (T, N, I)",
        TypeError,
    ),
    "codes, packed": (
        lambda: GRU(pack_sequence([torch.tensor([0, 2, 1])])),
        "input is a PackedSequence of integers; codes of 1-of-N inputs go in padded, (T, N), and with lengths",
    ),
    "codes for a cell": (
        lambda: elman.GRUCell(3, 4)(torch.tensor([0, 2])),
        "input holds integers, and a cell takes vectors (N, I) in float32; 1-of-N vectors of codes are"
        " torch.nn.functional.one_hot(codes, 3).to(torch.float32)",
    ),
    "a list of weights": (
        lambda: functional.gru(x, None, [GRU.all_weights[0]]),
        "weights[0] is a list of 4; expected elman.layers.Weights: of a layer Weights(*layer.all_weights[0])",
        TypeError,
    ),
    "a number for the shape of a mask": (
        lambda: elman.layers.locked_mask(16, 0.5),
        "shape is 16; expected a tuple, such as (1, N, H) for an output (T, N, H)",
        TypeError,
    ),
    "wrong features, packed": (
        lambda: GRU(pack_sequence([x[:, 0, :2]])),
        "input.data has shape (7, 2); expected (all steps, I) with I = input_size = 3",
    ),
    "input of another dtype": (
        lambda: GRU(x.double()),
        "input is float64, the parameters are float32: convert it with .to(torch.float32), or the layer with "
        ".to(torch.float64)",
    ),
    "integers that are no codes": (
        lambda: GRU(x.long()),
        "input holds integers, so it is read as codes of 1-of-N inputs, and has shape (7, 5, 3); expected (T, N) or"
        " (T,) for one sequence; numbers that are no codes go in as float32",
    ),
    "a code that is too large": (
        lambda: GRU(torch.full((7, 5), 3)),
        "input holds the code 3 at step 0 of row 0; expected 0 <= code < I = 3",
    ),
    "a code that is too large, of few": (
        lambda: GRU(torch.full((1, 1), 3)),
        "input holds the code 3; expected 0 <= code < I = 3",
    ),
    "input elsewhere": (lambda: GRU(x.to("meta")), "input is on meta, the parameters are on cpu: move one of them"),
    "state of another batch": (
        lambda: GRU(x, torch.zeros(1, 64, 4)),
        "hx has shape (1, 64, 4); expected (L·D, N, H) = (1, 5, 4): it comes from a batch of 64, the input has 5",
    ),
    "state of another size": (
        lambda: GRU(x, torch.zeros(1, 5, 8)),
        "hx has shape (1, 5, 8); expected (L·D, N, H) = (1, 5, 4): it comes from a layer of 8 units, this one has 4",
    ),
    "state of fewer layers": (
        lambda: LSTM(x, (torch.zeros(2, 5, 4), torch.zeros(1, 5, 4))),
        "hx[1] (cell) has shape (1, 5, 4); expected (L·D, N, H) = (2, 5, 4): it comes from 1 layers times directions, "
        "this layer has 2",
    ),
    "state with the batch first": (
        lambda: LSTM(x, (torch.zeros(5, 2, 4), torch.zeros(5, 2, 4))),
        "hx[0] (hidden) has shape (5, 2, 4); expected (L·D, N, H) = (2, 5, 4): states keep this layout also with "
        "batch_first=True",
    ),
    "state with a batch, input without": (
        lambda: GRU(x[:, 0], torch.zeros(1, 1, 4)),
        "hx has shape (1, 1, 4); expected (L·D, H) = (1, 4): one sequence without a batch has states without one",
    ),
    "state of another dtype": (
        lambda: GRU(x, torch.zeros(1, 5, 4).double()),
        "hx is float64, the parameters are float32",
    ),
    "a pair for a GRU": (
        lambda: GRU(x, (torch.zeros(1, 5, 4),) * 2),
        "hx is a tuple of 2; expected one Tensor (L·D, N, H): only an LSTM carries a pair of states",
        TypeError,
    ),
    "a tensor for an LSTM": (
        lambda: LSTM(x, torch.zeros(2, 5, 4)),
        "hx is or holds a Tensor; expected a pair (hidden, cell) of Tensors (L·D, N, H)",
        TypeError,
    ),
    "a pair with None": (
        lambda: LSTM(x, (torch.zeros(2, 5, 4), None)),
        "hx is or holds a NoneType; expected a pair (hidden, cell)",
        TypeError,
    ),
    "too few lengths": (
        lambda: GRU(x, lengths=[1, 2]),
        "lengths has shape (2,); expected (N,) = (5,): one length for each row of the batch",
    ),
    "a length that is too large": (
        lambda: GRU(x, lengths=[1, 2, 8, 3, 4]),
        "lengths[2] is 8; expected 0 <= length <= T = 7, the number of time steps of the input",
    ),
    "a negative length": (lambda: GRU(x, lengths=[1, 2, 3, 4, -1]), "lengths[4] is -1; expected 0 <= length"),
    "lengths that are not whole": (
        lambda: GRU(x, lengths=[1.0] * 5),
        "lengths is float32; expected integers, one for each row of the batch",
        TypeError,
    ),
    "lengths that are words": (
        lambda: GRU(x, lengths="long"),
        "lengths is 'long'; expected integers, one for each row of the batch",
        TypeError,
    ),
    "one length": (lambda: GRU(x, lengths=3), "lengths has shape (); expected (N,) = (5,)"),
    "lengths with a packed sequence": (
        lambda: GRU(pack_sequence([x[:, 0]]), lengths=[7]),
        "lengths came with a PackedSequence, which carries its own; give one of them",
    ),
    "lengths of last_output": (lambda: elman.last_output(x, [1, 2, 3, 4, 8]), "lengths[4] is 8; expected 0 <= length"),
    "last_output of nothing": (lambda: elman.last_output(x[:0]), "output has no time steps; give lengths"),
    "by_layer": (
        lambda: by_layer(torch.zeros(3, 5, 4), 2),
        "state has shape (3, 5, 4); expected (L·D, N, H) with L = 2 layers of D = 1 or 2 directions",
    ),
    "3-D input of a cell": (
        lambda: elman.GRUCell(3, 4)(x),
        "input has shape (7, 5, 3); expected (N, I) or (I,) with I = input_size = 3",
    ),
    "a list for a cell": (lambda: elman.GRUCell(3, 4)([0.0]), "input is a list; expected a Tensor (N, I)", TypeError),
    "state of another batch, cell": (
        lambda: elman.LSTMCell(3, 4)(x[0], (torch.zeros(6, 4),) * 2),
        "hx[0] (hidden) has shape (6, 4); expected (N, H) = (5, 4): it comes from a batch of 6, the input has 5",
    ),
    "state with a batch, cell": (
        lambda: elman.RNNCell(3, 4)(x[0, 0], torch.zeros(1, 4)),
        "hx has shape (1, 4); expected (H) = (4,): one sequence without a batch has states without one",
    ),
    "no weights": (
        lambda: functional.gru(x, None, []),
        "0 weights; expected one Weights for each of 1 or 2 directions",
    ),
    "2-D input of a function": (
        lambda: functional.gru(x[0], None, [row]),
        "input has shape (5, 3); expected three dimensions",
    ),
    "no such nonlinearity": (
        lambda: functional.rnn(x, None, [row], nonlinearity="gelu"),
        "nonlinearity is 'gelu'; expected 'tanh' or 'relu'",
    ),
    "state of another number of directions": (
        lambda: functional.gru(x, torch.zeros(2, 5, 4), [row]),
        "hx has shape (2, 5, 4); expected (D, N, H) = (1, 5, 4): it comes from 2 directions, the weights are of 1",
    ),
    "a weight of another shape": (
        lambda: functional.gru(x, None, [row._replace(w_ih=torch.zeros(11, 3))]),
        "weight_ih has shape (11, 3) and dtype float32; expected (12, 3) and float32, by input (7, 5, 3) and state "
        "(1, 5, 4)",
    ),
    "a bias of another dtype": (
        lambda: functional.gru(x, None, [row._replace(b_hh=torch.zeros(12).double())]),
        "bias_hh has shape (12,) and dtype float64; expected (12,) and float32",
    ),
    "no weight": (
        lambda: torch.ops.elman.layer(2, x, None, torch.zeros(1, 5, 4), None, [None, *row[1:4]], False, False),
        "weight_ih is None; only the biases may be absent",
        TypeError,
    ),
    "no cell state": (
        lambda: torch.ops.elman.layer(3, x, None, torch.zeros(1, 5, 4), None, [*LSTM.all_weights[0]], False, False),
        "c0 is None; an LSTM carries a cell state, and no other cell does",
        TypeError,
    ),
    "three weights": (
        lambda: torch.ops.elman.layer(2, x, None, torch.zeros(1, 5, 4), None, list(row[:3]), False, False),
        "3 weights; expected 4 for each of the 1 directions of h0",
    ),
    "lengths of the operator": (
        lambda: torch.ops.elman.layer(2, x, torch.zeros(5), torch.zeros(1, 5, 4), None, list(row[:4]), False, False),
        "lengths is float32 (5,); expected int64 (N,) = (5,)",
    ),
    "state of the operator": (
        lambda: torch.ops.elman.layer(2, x, None, torch.zeros(1, 6, 4), None, list(row[:4]), False, False),
        "h0 has shape (1, 6, 4) and dtype float32; expected (D, N, H) = (1, 5, 4) and float32",
    ),
    "input_size": (lambda: elman.RNN(0, 4), "input_size is 0; expected at least 1"),
    "hidden_size": (
        lambda: elman.RNN(3, 4.0),
        "hidden_size is 4.0 (float); expected an int",
        TypeError,
    ),
    "hidden_size of a cell": (lambda: elman.LSTMCell(3, -1), "hidden_size is -1; expected at least 1"),
    "num_layers": (lambda: elman.GRU(3, 4, 0), "num_layers is 0; expected at least 1"),
    "proj_size": (
        lambda: elman.LSTM(3, 4, proj_size=4),
        "proj_size is 4; expected less than hidden_size = 4, or 0 for none",
    ),
    "negative proj_size": (lambda: elman.LSTM(3, 4, proj_size=-1), "proj_size is -1; expected at least 0"),
    "bias": (lambda: elman.GRU(3, 4, bias=1), "bias is 1 (int); expected a bool", TypeError),
    "batch_first": (lambda: elman.GRU(3, 4, batch_first="no"), "batch_first is 'no' (str); expected a bool", TypeError),
    "dropout": (lambda: elman.GRU(3, 4, 2, dropout=1.5), "dropout is 1.5; expected a probability in [0, 1]"),
    "dropout True": (lambda: elman.GRU(3, 4, 2, dropout=True), "dropout is True; expected a probability in [0, 1]"),
    "nonlinearity": (
        lambda: elman.RNN(3, 4, nonlinearity="gelu"),
        "nonlinearity is 'gelu'; expected 'tanh' or 'relu'",
    ),
    "nonlinearity of a cell": (
        lambda: elman.RNNCell(3, 4, nonlinearity="gelu"),
        "nonlinearity is 'gelu'; expected 'tanh' or 'relu'",
    ),
}


def under_autocast(x: torch.Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        GRU(x)


@pytest.mark.parametrize("case", CASES)
def test_words(case) -> None:
    call, words, kind = (*CASES[case], ValueError)[:3]
    with pytest.raises(kind, match=re.escape(words)):
        call()
