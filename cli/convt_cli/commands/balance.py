"""``convt balance``: a checkpoint whose layers make no tonal lines."""

from convt_cli.commands.with_options import with_options
from convt_cli.options.balance_options import BalanceOptions
from convt_cli.text import report


@with_options
def balance(options: BalanceOptions) -> None:
    """Make the phases of layers even, with the smallest change of their weights.

    Then a constant input makes no tonal lines. The new checkpoint differs in these layers alone: all other
    tensors are copied byte for byte. Run the model with both to find out whether a layer whistles.

    \b
    Examples:
      convt balance m.safetensors --layers 'ups.*' --strides 8,2 -o v.safetensors
      convt balance m.safetensors --layers ups.2 --strides 2 -o v.safetensors
    """  # noqa: D301  # \b keeps the line breaks below it
    from convt_cli.jobs.balance import balance_layers  # heavy: not for --help

    with report.json_errors(as_json=options.as_json):
        balance_layers(options)
