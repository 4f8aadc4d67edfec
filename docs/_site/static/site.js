/* Marks what scrolls sideways and has more on its right: code, tables. */
function mark(element) {
  const left = element.scrollWidth - element.clientWidth - Math.ceil(element.scrollLeft);
  element.classList.toggle("more-right", left > 2);
}

document.addEventListener("DOMContentLoaded", () => {
  const sizes = new ResizeObserver((seen) => seen.forEach((each) => mark(each.target)));
  document.querySelectorAll("article pre, article .pst-scrollable-table-container").forEach((element) => {
    sizes.observe(element);
    element.addEventListener("scroll", () => mark(element), { passive: true });
  });
});
