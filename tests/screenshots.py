"""What a page is looked at for on a small screen, as scripts of the browser."""

# Whatever can be pressed, less what Leaflet draws on the map (its place is the thing's own, WCAG 2.5.5 "essential")
# and what stands in the run of a text. A control inside a label or a row is as large as that.
TARGETS_TOO_SMALL = """() => [
    ...document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=tab]")]
    .filter((one) => !one.closest(".leaflet-pane, [hidden]") && one.checkVisibility({ visibilityProperty: true }))
    .map((one) => [one, one.closest("label, .row") ?? one])
    .filter(([one, target]) => target !== one || getComputedStyle(one).display !== "inline")
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
    .map(([one, target]) => `${target.tagName} .${target.className} ${target.textContent.trim().slice(0, 30)}`
        + ` ${target.getBoundingClientRect().height}`)"""

# Words that begin or end beyond the screen, less what is scrolled on purpose within its own row.
CLIPPED_TEXT = """() => [...document.querySelectorAll("main *, header *")]
    .filter((one) => one.childElementCount === 0 && one.textContent.trim())
    .filter((one) => one.checkVisibility({ visibilityProperty: true }))
    .filter((one) => !one.closest(".leaflet-pane, .unseen, .tabs, .pages, [hidden]"))
    .map((one) => [one, one.getBoundingClientRect()])
    .filter(([, box]) => box.width > 2 && (box.left < -1 || box.right > innerWidth + 1))
    .map(([one]) => `${one.tagName} ${one.textContent.trim().slice(0, 40)}`)"""

# Cells of which a word is not to be seen: it runs out of the cell, or lies on a line that is no longer shown.
CUT_CELLS = """(cells) => cells
    .filter((cell) => cell.scrollWidth > cell.clientWidth || [...cell.children].some((part) => part.clientWidth > 0
        && (part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight + 4)))
    .map((cell) => cell.textContent)"""
