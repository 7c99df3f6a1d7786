"""The headings of navigation, under which pages list the layers."""

from gis.model import CodeList


class Group(CodeList):
    """A heading of navigation, in the order of the menu."""

    WORK = "work", ("Công việc", "Work")
    LINE = "line", ("Đường biên", "The border line")
    PASSAGE = "passage", ("Cửa khẩu, lối mở", "Gates and crossings")
    REGISTER = "register", ("Danh mục", "Registers")
