from gi.core.types import Origin, Program
from gi.harvest import Harvest, without_near_copies


def harvested(*texts: str) -> Harvest:
    programs = [Program(text, Origin("r", "c", f"{i}.py", 1, "MIT")) for i, text in enumerate(texts)]
    return Harvest("r", "c", tuple(programs))


def kept(*texts: str) -> list[str]:
    return [program.origin.path for program in without_near_copies(harvested(*texts)).programs]


def test_other_numbers_and_spaces_make_a_near_copy() -> None:
    assert kept("a = Conv2d(3, 64)\n", "a = Conv2d(16,  128)\n", "a = Conv2d(3e-4, 1_000.5)\n") == ["0.py"]


def test_one_line_of_another_kind_makes_a_program_of_its_own() -> None:
    assert kept("a = Conv2d(3, 64)\n", "a = Conv2d(3, 64)\nb = ReLU()\n") == ["0.py", "1.py"]


def test_lines_of_several_programs_before_count_together() -> None:
    assert kept("a = Conv2d(3)\n", "b = ReLU()\n", "b = ReLU()\na = Conv2d(5)\n") == ["0.py", "1.py"]


def test_what_is_left_out_can_still_be_imported_from() -> None:
    found = without_near_copies(harvested("a = Conv2d(3)\n", "a = Conv2d(5)\n"))
    assert [other.origin.path for other in found.others] == ["1.py"]
