"""Decides how a model is run on a machine, before it is loaded: a pure function of its header, the machine and the
settings. A model that does not fit is refused, with advice on what would.

Weights stay in the file and are mapped; they count nevertheless, since a model that is read from disk for every token
is of no use. Swap does not count. Loading is left to the worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from edge.engine.machine.resources import Device, Machine
from edge.engine.machine.shape import Shape
from edge.engine.process.options import KvType
from edge.errors import ModelError
from edge.files import format_size

MAX_PARALLEL = 64
CPU_PARALLEL = 16
"""More at once on a processor only makes everybody wait longer: batching gains 1.2 to 1.5 times there."""

LEAST_PARALLEL = 4
"""Keys and values are stored in 8 bits rather than fewer requests than this answered at once."""

SHARE = 1024
"""Cells for each request beyond the first: a prompt with passages and its answer; common openings are stored once."""

BATCH, EXTRA_SEQUENCES, EXTRA_OUTPUTS = 512, 32, 32
"""Numbers the worker asks llama.cpp for: tokens computed at once; beyond one a request, sequences and logits."""

WORKER_BYTES = 128 << 20
"""The worker without its model: interpreter, libraries, vocabulary, scratch. Measured: 20 of files and up to 31 MiB."""

SPARE_MEMORY = 256 << 20
"""Left free for the rest of the machine, beside a sixteenth of its memory."""

DEVICE_BYTES = 512 << 20
"""Memory that a GPU's driver and libraries take for themselves."""

REPACK_LIMIT = 1 << 30
"""Repacking costs 8 s a GB at every start, and gains a tenth in speed: only for small models, see `plan`."""

_DOWN: tuple[KvType, ...] = ("f16", "q8_0", "q4_0")


@dataclass(frozen=True, slots=True)
class Wishes:
    """The wishes of the settings; None leaves a choice to the machine.

    Args:
        input_tokens, output_tokens: the most that a prompt, and an answer, may have.
        threads: threads of llama.cpp.
        parallel: requests answered at once.
        kv_type: how keys and values are stored.
        gpu_layers: layers computed on a GPU; one more than the model has includes its output.
        repack: whether weights are rearranged for this processor.
        beside: bytes that adapters take.
    """

    input_tokens: int
    output_tokens: int
    threads: int | None = None
    parallel: int | None = None
    kv_type: KvType | None = None
    gpu_layers: int | None = None
    repack: bool | None = None
    beside: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to run a model, and the bytes that it takes of the machine's memory and of the GPU's."""

    input_tokens: int
    output_tokens: int
    threads: int
    parallel: int
    cells: int
    kv_type: KvType
    gpu_layers: int
    repack: bool
    bytes: int
    device_bytes: int


def plan(name: str, shape: Shape, machine: Machine, wishes: Wishes) -> Plan:
    """Choose the best way to run a model that fits.

    Requests answered at once are given up before precision of the cache, down to four; after that precision, first to
    8 bits; the last resort is one request at 4 bits.

    Raises:
        ModelError: it does not fit, or a limit makes no sense for it.
    """
    wishes = _limit_to_training(name, shape, wishes)
    layers = _choose_gpu_layers(shape, machine, wishes)
    tried = [
        _size_plan(shape, machine, wishes, *choice, layers) for choice in _list_choices(wishes, bool(layers))
    ]
    room = _compute_free(machine)
    device = _choose_device(machine)
    for candidate in tried:
        if candidate.bytes <= room and candidate.device_bytes <= (device.free if device else 0):
            return _choose_repack(candidate, shape, room, wishes)
    raise _make_refusal(name, shape, machine, wishes, tried[-1])


def _limit_to_training(name: str, shape: Shape, wishes: Wishes) -> Wishes:
    """Shorten the limits to what the model was trained for, both together."""
    wanted = wishes.input_tokens + wishes.output_tokens
    if not shape.trained or wanted <= shape.trained:
        return wishes
    output = max(1, shape.trained * wishes.output_tokens // wanted)
    return replace(wishes, input_tokens=max(1, shape.trained - output), output_tokens=output)


def _list_choices(wishes: Wishes, gpu: bool) -> Iterator[tuple[int, KvType]]:
    """Yield requests at once and KV type, in order of preference."""
    most = wishes.parallel or (MAX_PARALLEL if gpu else CPU_PARALLEL)
    numbers = [most] if wishes.parallel else [most >> n for n in range(most.bit_length())]
    kinds = (wishes.kv_type,) if wishes.kv_type else _DOWN
    yield from ((n, kinds[0]) for n in numbers if n >= LEAST_PARALLEL or wishes.parallel)
    yield from ((n, kind) for kind in kinds[:2] for n in numbers if n <= LEAST_PARALLEL or wishes.parallel)
    yield from ((numbers[-1], kind) for kind in kinds[2:])


def _size_plan(
    shape: Shape, machine: Machine, wishes: Wishes, parallel: int, kind: KvType, layers: int
) -> Plan:
    context = wishes.input_tokens + wishes.output_tokens
    cells = context + (parallel - 1) * min(SHARE, context)
    on_device = _size_on_device(shape, cells, kind, parallel, layers)
    everything = (
        shape.weights
        + shape.size_kv(cells, kind)
        + (parallel + EXTRA_SEQUENCES) * shape.state
        + wishes.beside
    )
    compute = shape.size_compute(cells, BATCH, parallel + EXTRA_OUTPUTS)
    here = everything - on_device + shape.size_logits(parallel + EXTRA_OUTPUTS) + WORKER_BYTES
    device = _choose_device(machine)
    if not layers:
        here += compute
    elif device and device.shared:  # one memory for both
        here, on_device = here + on_device + compute + DEVICE_BYTES, 0
    else:
        on_device += compute + DEVICE_BYTES
        here += compute // 4 if layers <= len(shape.layers) else 0
    threads = wishes.threads or max(1, machine.cores - 1)
    return Plan(
        wishes.input_tokens, wishes.output_tokens, threads, parallel, cells, kind, layers, bool(wishes.repack),
        here + (shape.weights if wishes.repack and not layers else 0), on_device,
    )  # fmt: skip


def _choose_repack(chosen: Plan, shape: Shape, room: int, wishes: Wishes) -> Plan:
    """Rearrange weights where that costs little: a small model, and memory for two more of it."""
    plenty = chosen.bytes + 2 * shape.weights <= room and shape.weights <= REPACK_LIMIT
    if wishes.repack is not None or chosen.gpu_layers or not plenty:
        return chosen
    return replace(chosen, repack=True, bytes=chosen.bytes + shape.weights)


def _choose_device(machine: Machine) -> Device | None:
    """Return the GPU with the most free memory: a model is put on one only."""
    return max(machine.devices, key=lambda device: device.free, default=None)


def _compute_free(machine: Machine) -> int:
    """Return the bytes of the machine's memory that a model may take."""
    return machine.memory.free - _compute_reserve(machine)


def _compute_reserve(machine: Machine) -> int:
    return SPARE_MEMORY + machine.memory.total // 16


def _size_on_device(shape: Shape, cells: int, kind: KvType, parallel: int, layers: int) -> int:
    """Return the bytes that the last ``layers`` take with keys and values; one more than there are adds the output."""
    if not layers:
        return 0
    count = len(shape.layers)
    whole = shape.output or shape.embeddings  # tied: the embeddings are copied for the output
    weights = sum(shape.layers[max(0, count - layers) :]) + (whole if layers > count else 0)
    return (
        weights + shape.size_kv(cells, kind, min(layers, count)) + (parallel + EXTRA_SEQUENCES) * shape.state
    )


def _choose_gpu_layers(shape: Shape, machine: Machine, wishes: Wishes) -> int:
    """Return as many layers on the GPU as fit with a cache for four requests; all if that takes a cache for one."""
    device, every = _choose_device(machine), len(shape.layers) + 1
    if wishes.gpu_layers is not None:
        return min(wishes.gpu_layers, every)
    if device is None:
        return 0
    if device.shared:
        return every
    usual = wishes.parallel or LEAST_PARALLEL
    for parallel, least in ((usual, every), (1, every), (usual, 1), (1, 1)):
        context = wishes.input_tokens + wishes.output_tokens
        cells = context + (parallel - 1) * min(SHARE, context)
        kind = wishes.kv_type or ("f16" if least == 1 else "q8_0")
        free = device.free - DEVICE_BYTES - shape.size_compute(cells, BATCH, parallel + EXTRA_OUTPUTS)
        for layers in range(every, least - 1, -1):
            if _size_on_device(shape, cells, kind, parallel, layers) <= free:
                return layers
    return 0


def _make_refusal(name: str, shape: Shape, machine: Machine, wishes: Wishes, least: Plan) -> ModelError:
    """Make the error that says what is needed at the least, what is free, and what would fit."""
    device, room, free = _choose_device(machine), _compute_free(machine), machine.memory.free
    if least.bytes <= room and device:
        needed = f"{format_size(least.device_bytes)} of {device.description} memory"
        message = f"{needed}, and {format_size(device.free)} are free"
        excess = least.device_bytes - device.free
    else:
        beside = f"beside {format_size(_compute_reserve(machine))} for the rest of the machine"
        message = f"{format_size(least.bytes)} of memory {beside}, and {format_size(free)} are free"
        message += " (a control group limits it)" if machine.memory.limited else ""
        excess = least.bytes - room
    return ModelError(f"{name} needs {message}.", " ".join(_advise(shape, wishes, least, excess)))


def _advise(shape: Shape, wishes: Wishes, least: Plan, excess: int) -> Iterator[str]:
    """Yield what would make it fit, each thing for itself."""
    if wishes.parallel and wishes.parallel > 1:
        yield "Let parallel = 0 choose how many requests are answered at once."
    if wishes.kv_type and wishes.kv_type != _DOWN[-1]:
        yield 'Let kv_type = "auto" choose how the cache is stored.'
    if wishes.repack:
        yield 'Set repack = "off".'
    context = least.input_tokens + least.output_tokens
    per_cell = max(1, shape.size_kv(256, least.kv_type) // 256 + shape.masks * BATCH * 2)
    shorter = (context - -(-excess // per_cell)) // 256 * 256
    if shorter >= 1024:
        answer = min(least.output_tokens, shorter // 4)
        yield f"It fits with max_input_tokens = {shorter - answer} and max_output_tokens = {answer}."
    file = shape.weights - excess
    if file > 0:
        yield f"Or take a smaller quantisation or model: a file of up to about {format_size(file)} fits."
    yield "Closing other programs helps, swap does not."
