"""What the Tab key offers, asked as the shells ask; and -h."""

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from chainrule.cli import app, complete


def offered(line, shell="bash"):
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_TYPER_COMPLETE_ARGS": line}
    asked |= {"_CHAINRULE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    found = CliRunner().invoke(app, [], env=asked, prog_name="chainrule").stdout
    return found.split()


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_the_tab_key_knows_data_sets_and_model_files_and_leaves_the_rest_to_the_shell(tmp_path, shell):
    for name in ("wine.chainrule", "wine.csv", "digits.csv", ".digits", "models/deep.chainrule"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert offered("chainrule train di", shell) == ["diabetes", "digits", "digits.csv"]
    assert offered("chainrule train wine.", shell) == []
    assert offered("chainrule predict ", shell) == ["wine.chainrule"]
    assert offered("chainrule predict models/", shell) == ["models/deep.chainrule"]
    assert offered("chainrule predict wine.chainrule m", shell) == ["moons", "models/"][::-1]
    assert offered("chainrule predict nowhere/", shell) == []


def test_the_tab_key_knows_claims_chapters_activations_and_choices():
    assert offered("chainrule claims zero-weights-s") == ["zero-weights-stay-identical"]
    assert offered("chainrule quiz sh") == ["shapes"]
    assert offered("chainrule train wine --effort t") == ["thorough"]
    assert "softmax" not in complete.activations("")
    assert offered("chainrule train wine --activation soft") == ["softplus"]


def test_h_is_help_of_every_command_and_defaults_are_shown(run):
    code, out, _ = run("-h")
    assert code == 0
    assert "--install-completion" in out
    code, out, _ = run("lab", "-h")
    assert (code, out) == run("lab", "--help")[:2]
    assert "[default: 8765]" in out
    assert "[default: flower]" in out


MORE = {"target", "number", "category", "date", "text", "drop", "keep", "test_file", "group", "time", "report"}
MORE |= {"checkpoint"}  # what is done in addition, if given


@pytest.mark.parametrize(("command", "more"), [("train", MORE), ("lab", {"target"})])
def test_each_option_says_what_it_is_unless_given(command, more):
    for option in get_command(app).commands[command].params:
        is_plain = option.param_type_name == "argument" or getattr(option, "is_flag", False) or option.name in more
        assert is_plain or option.default is not None or "unless given" in option.help, option.name


def test_each_option_says_in_a_sentence_what_it_does():
    for name, command in get_command(app).commands.items():
        for option in command.params:
            assert option.help.endswith("."), (name, option.name)
            assert not option.help.startswith(("Of ", "To ", "For ", "Not ", "With ")), (name, option.name)
