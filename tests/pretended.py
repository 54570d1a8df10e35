r"""A pretended GPU for machines without one: numbers of the CPU, the device errors of a GPU.

    with Pretended() as gpu:
        x = torch.zeros(3, device="cuda")  # says cuda:0, computes here
        x + torch.ones(3)  # RuntimeError, as there
    gpu.waits  # how often the host had to wait for the device, and where

Every kernel call, those of the backward pass too, comes by `Pretended.run`: a tensor of the device
is a wrapper around one of the host. Not seen: what a real GPU's kernels add up in another order,
and kernels that it lacks. `double=False` refuses float64, as a Mac's GPU does.
"""

import collections
import traceback
from contextlib import ExitStack
from unittest import mock

import torch
from torch.nn.utils import clip_grad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("cuda", 0)
# kernels whose result the host needs before it can go on
WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "unique_dim", "_unique2"}
WAITING |= {"repeat_interleave.Tensor", "linalg_inv_ex", "histc", "bincount", "is_nonzero"}
MIXING = {
    "copy_",
    "_to_copy",
    "set_",
    "_has_compatible_shallow_copy_type",
    "mkldnn_rnn_layer",  # a processor's own LSTM; a GPU has another
    "mkldnn_rnn_layer_backward",
}  # between devices by trade


class OnDevice(torch.Tensor):
    r"""A tensor that says it is on the device, and where its numbers are."""

    @staticmethod
    def __new__(cls, host):
        shape = {"strides": host.stride(), "storage_offset": host.storage_offset()}
        made = torch.Tensor._make_wrapper_subclass(
            cls, host.shape, dtype=host.dtype, device="cpu", **shape
        )
        made.host = host
        return made

    device = property(lambda self: DEVICE)
    is_cuda, is_cpu = property(lambda self: True), property(lambda self: False)

    def cpu(self):
        r"""A copy on the host."""
        return self.to("cpu")

    def tolist(self):
        r"""Its numbers, for which the host waits."""
        Pretended.now.wait("tolist")
        return self.host.tolist()

    def numpy(self):
        r"""Refused, as there."""
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first")

    def __array__(self, dtype=None):
        self.numpy()

    def new_tensor(self, values, dtype=None):
        r"""Numbers of the host, for which the device waits."""
        return torch.tensor(values, dtype=dtype or self.dtype, device=DEVICE)

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return Pretended.now.run(function, args, kwargs or {})

    def __repr__(self):
        return f"OnDevice({self.host!r})"


def moved(self, *args, **kwargs):
    r"""Tensor.to, which here would ask for a driver, or find that all are on the host already."""
    kwargs.pop("copy", None)
    if args and isinstance(args[0], torch.Tensor):
        args = (args[0].device, args[0].dtype, *args[1:])
    device, dtype, wait, _ = torch._C._nn._parse_to(*args, **kwargs)
    device, dtype = device or self.device, dtype or self.dtype
    if is_device(device) == isinstance(self, OnDevice) and dtype == self.dtype:
        return self
    gpu = Pretended.now
    gpu.leaving = not is_device(device)
    try:
        return torch.ops.aten._to_copy(
            self, dtype=dtype, device=DEVICE if is_device(device) else device, non_blocking=wait
        )
    finally:
        gpu.leaving = False


def grouped(lists, with_indices=False):
    r"""What clip_grad_norm_ calls: tensors by device and type, ours by theirs."""
    found = torch.utils._foreach_utils._group_tensors_by_device_and_dtype(lists, with_indices)
    ours = any(isinstance(x, OnDevice) for x in tree_leaves(lists))
    return {(DEVICE if ours else device, dtype): rest for (device, dtype), rest in found.items()}


class Generator(torch.Generator):
    r"""One of the device, whose numbers are the host's."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, "cpu")
        made.place = torch.device(device)
        return made

    device = property(lambda self: self.place)


def is_device(device):
    return device is not None and torch.device(device).type == "cuda"


class Pretended(TorchDispatchMode):
    r"""While this context lasts there is a device cuda:0."""

    now = None

    def __init__(self, double=True):
        super().__init__()
        self.double, self.waits, self.stack = double, collections.Counter(), ExitStack()
        self.pinned, self.leaving = set(), False

    def __enter__(self):
        torch._C._ensureCUDADeviceGuardSet()
        Pretended.now = self
        enter, patch = self.stack.enter_context, mock.patch.object
        cuda = torch.cuda
        for name, value in {
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "current_device": lambda: 0,
            "_lazy_init": lambda: None,
            "is_bf16_supported": lambda *a, **k: True,
            "max_memory_allocated": lambda *a: 0,
        }.items():
            enter(patch(cuda, name, value))
        future = torch.__future__
        before = future.get_overwrite_module_params_on_conversion()
        self.stack.callback(future.set_overwrite_module_params_on_conversion, before)
        future.set_overwrite_module_params_on_conversion(
            True
        )  # a parameter is of one place for good
        enter(patch(torch, "Generator", Generator))
        enter(patch(torch.Tensor, "pin_memory", lambda x: self.pin(x)))
        for name in ("rand", "randn", "randint", "randperm"):
            enter(patch(torch, name, self.drawn(getattr(torch, name))))
        for name in ("tensor", "as_tensor"):
            enter(patch(torch, name, self.given(getattr(torch, name))))
        enter(patch(torch.Tensor, "to", moved))
        enter(patch(clip_grad, "_group_tensors_by_device_and_dtype", grouped))
        enter(patch(torch, "autocast", self.autocast(torch.autocast)))
        enter(patch(torch, "save", self.saved(torch.save)))
        enter(patch(torch, "load", self.loaded(torch.load)))
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.stack.close()
        Pretended.now = None

    def wait(self, why):
        r"""Count a wait, by the line of the project that caused it."""
        lines = [
            f
            for f in traceback.extract_stack()
            if "/mfr/" in f.filename or "train_mfr" in f.filename
        ]
        place = (
            f"{lines[-1].filename.rpartition('/')[2]}:{lines[-1].lineno}" if lines else "outside"
        )
        self.waits[why, place] += 1

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return self.run(function, args, kwargs or {})

    def run(self, function, args, kwargs):
        r"""One kernel: refuse what a GPU would, compute here, say that the result is there."""
        name, overload = (
            function._schema.name.removeprefix("aten::"),
            str(function).removeprefix("aten."),
        )
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        there = [x for x in tensors if isinstance(x, OnDevice)]
        asked = kwargs.get("device")
        # torch itself takes our tensors for the host's: the backward pass makes zeros there
        for_backward = not tensors and torch._C._current_graph_task_id() != -1
        if not there and not is_device(asked) and not for_backward:
            return function(*args, **kwargs)
        self.check(name, args, tensors, there)
        home = is_device(asked) or for_backward or (bool(there) and not self.leaving)
        self.count(name, overload, args, kwargs, there, home)
        wrappers = {id(x.host): x for x in there}
        if asked is not None:
            kwargs = {**kwargs, "device": torch.device("cpu")}
        if kwargs.get("pin_memory"):
            kwargs = {**kwargs, "pin_memory": False}
        bare = lambda x: x.host if isinstance(x, OnDevice) else x  # noqa: E731
        out = function(*tree_map(bare, args), **tree_map(bare, kwargs))
        if name == "_to_copy" and any(
            out is bare(x) or out.data_ptr() == bare(x).data_ptr() for x in tensors
        ):
            out = out.clone()
        if not home:
            return out

        def put(x):
            if not isinstance(x, torch.Tensor):
                return x
            if x.dtype == torch.float64 and not self.double:
                raise TypeError("this device has no float64")
            return wrappers.get(id(x)) if id(x) in wrappers else OnDevice(x)

        return tree_map(put, out)

    def check(self, name, args, tensors, there):
        r"""A RuntimeError where a GPU refuses tensors of two devices."""
        host = [x for x in tensors if not isinstance(x, OnDevice)]
        if name in MIXING or not there:
            return
        if name in ("index", "index_put_", "index_put", "_unsafe_index"):
            if isinstance(args[0], OnDevice) and (
                len(args) < 3 or not args[2].dim() or isinstance(args[2], OnDevice)
            ):
                return  # an index may lie on the host
            raise RuntimeError(
                f"indices should be on the same device as the indexed tensor ({name})"
            )
        if any(x.dim() for x in host) or (
            host and args and args[0] is host[0] and name.endswith("_")
        ):
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found cuda:0 and cpu! ({name})"
            )

    def count(self, name, overload, args, kwargs, there, home):
        r"""Does the host wait for this one?"""
        if name in WAITING or overload in WAITING:
            self.wait(name)
        if name == "_to_copy" and bool(there) != home:
            if not (kwargs.get("non_blocking") and id(args[0]) in self.pinned):
                self.wait("copy")
        if name == "copy_" and isinstance(args[0], OnDevice) != isinstance(args[1], OnDevice):
            self.wait("copy")
        if name.startswith("index") and len(args) > 1:
            indices = [x for x in tree_leaves(args[1]) if isinstance(x, torch.Tensor)]
            if any(
                x.dtype in (torch.bool, torch.uint8) or not isinstance(x, OnDevice) for x in indices
            ):
                self.wait(name)

    def pin(self, x):
        out = x.clone()
        self.pinned.add(id(out))
        self.keep = out  # so that its id stays its own until the next one
        return out

    def given(self, make):
        def there(values, dtype=None, device=None):
            if isinstance(values, torch.Tensor):
                return values.to(device or values.device, dtype or values.dtype)
            made = make(values, dtype=dtype)
            if not is_device(device):
                return made
            self.wait("tensor")
            return OnDevice(made)

        return there

    def autocast(self, real):
        return lambda device, *args, **kwargs: real("cpu", *args, **kwargs)

    def drawn(self, draw):
        def checked(*args, generator=None, device=None, **kwargs):
            if generator is not None and is_device(device) != is_device(generator.device):
                raise RuntimeError(
                    f"Expected a {device or 'cpu'!r} generator but found {generator.device.type!r}"
                )
            return draw(*args, generator=generator, device=device, **kwargs)

        return checked

    def saved(self, save):
        def out(content, path, **kwargs):
            bare = lambda x: x.host if isinstance(x, OnDevice) else x  # noqa: E731
            save(tree_map(bare, content), path, **kwargs)

        return out

    def loaded(self, load):
        def back(path, map_location=None, **kwargs):
            content = load(path, map_location="cpu", **kwargs)
            if not is_device(map_location):
                return content
            return tree_map(lambda x: x.to(DEVICE) if isinstance(x, torch.Tensor) else x, content)

        return back
