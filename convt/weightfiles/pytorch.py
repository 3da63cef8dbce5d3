"""PyTorch's own files are pickled programs: they are recognised, and never run."""

import json
import shlex
import zipfile
from pathlib import Path

from convt.errors import WeightsError

_CONVERT = (
    "import torch; from safetensors.torch import save_file; "
    'flat = lambda d, at="": {{k: v for n, x in d.items() for k, v in'
    ' (flat(x, f"{{at}}{{n}}.") if isinstance(x, dict) else'
    ' {{f"{{at}}{{n}}": x.clone().contiguous()}} if torch.is_tensor(x) else {{}}).items()}}; '
    "save_file(flat({load}), {target})"
)


def is_pickled(head: bytes) -> bool:
    """Tell whether a file begins as a pickle does (PyTorch before 1.6)."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def is_pytorch(archive: zipfile.ZipFile) -> bool:
    """Tell whether an archive holds a pickle, as PyTorch's do."""
    return any(name.endswith("data.pkl") for name in archive.namelist())


def refuse(source: str, *, scripted: bool = False) -> WeightsError:
    """Return the error that says how to convert a file that PyTorch wrote, or TorchScript."""
    name, target = (json.dumps(str(path)) for path in (source, Path(source).with_suffix(".safetensors")))
    load = f'torch.load({name}, map_location="cpu", weights_only=True)'
    if scripted:
        load = f'torch.jit.load({name}, map_location="cpu").state_dict()'
    line = _CONVERT.format(load=load, target=target)
    return WeightsError(
        "is a PyTorch file, a pickle, which may run anything and is never loaded; where torch is, convert"
        f" it with: python -c {shlex.quote(line)}"
    )
