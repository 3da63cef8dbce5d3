"""PyTorch's own files are pickled programs: they are recognised, and never run."""

import json
import shlex
import zipfile
from pathlib import Path

from convt.errors import WeightsError

_CONVERT = (
    "import torch; from safetensors.torch import save_file; "
    'flat = lambda x, at="": {{at[:-1] or "weight": x.clone().contiguous()}} if torch.is_tensor(x) else'
    " {{k: v for n, y in (x.items() if isinstance(x, dict) else enumerate(x))"
    ' for k, v in flat(y, f"{{at}}{{n}}.").items()}} if isinstance(x, (dict, list, tuple)) else {{}}; '
    "save_file(flat({load}), {target})"
)


def is_pickled(head: bytes) -> bool:
    """Tell whether a file begins as a pickle does (PyTorch before 1.6)."""
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def is_pytorch(archive: zipfile.ZipFile) -> bool:
    """Tell whether an archive is laid out as PyTorch's are: a folder with a pickle, and no arrays."""
    names = archive.namelist()
    pickled = any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names)
    return pickled and not any(name.endswith(".npy") for name in names)


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
