"""Scripts for the browser that find layout faults of a page."""

# Controls lower than 44 CSS pixels (WCAG 2.5.5). Exceptions: marks on the map, whose position is essential,
# and links within a text. A control inside a label or a row counts with the size of that.
TARGETS_TOO_SMALL = """() => [
    ...document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=tab]")]
    .filter((control) => !control.closest(".leaflet-pane, [hidden]")
        && control.checkVisibility({ visibilityProperty: true }))
    .map((control) => [control, control.closest("label, .row") ?? control])
    .filter(([control, target]) => target !== control || getComputedStyle(control).display !== "inline")
    .filter(([, target]) => {
        const box = target.getBoundingClientRect();
        if (box.width < 2 || box.right < 0 || box.left > innerWidth) return false;
        if (box.height >= 44) return false;
        const x = box.left + box.width / 2;
        const reaches = (y) => target.contains(document.elementFromPoint(x, y));
        let [top, bottom] = [box.top + box.height / 2, box.top + box.height / 2];
        while (reaches(top - 0.5) && bottom - top < 44) top -= 0.5;
        while (reaches(bottom + 0.5) && bottom - top < 44) bottom += 0.5;
        return bottom - top < 43.5;
    })
    .map(([, target]) => `${target.tagName} .${target.className} ${target.textContent.trim().slice(0, 30)}`
        + ` ${target.getBoundingClientRect().height}`)"""

# Elements whose text begins or ends outside the window, except in rows that scroll sideways on purpose.
CLIPPED_TEXT = """() => [...document.querySelectorAll("main *, header *")]
    .filter((element) => element.childElementCount === 0 && element.textContent.trim())
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => !element.closest(".leaflet-pane, .unseen, .tabs, .pages, [hidden]"))
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, box]) => box.width > 2 && (box.left < -1 || box.right > innerWidth + 1))
    .map(([element]) => `${element.tagName} ${element.textContent.trim().slice(0, 40)}`)"""

# Cells whose text is cut off at the side, or has more lines than are visible.
CUT_CELLS = """(cells) => cells
    .filter((cell) => cell.scrollWidth > cell.clientWidth || [...cell.children].some((part) => part.clientWidth > 0
        && (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight + 4)))
    .map((cell) => cell.textContent)"""
