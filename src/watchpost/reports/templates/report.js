/* Finds columns by name and sorts tables; the page is complete without it. */
(function () {
  "use strict";
  var box = document.querySelector(".find");
  if (box) findColumns();

  function findColumns() {
    var input = box.querySelector("input"), told = box.querySelector("output");
    var items = Array.prototype.slice.call(document.querySelectorAll("[data-name]"));
    if (items.length > 8) box.hidden = false;
    input.addEventListener("input", function () {
      var wanted = input.value.trim().toLowerCase(), shown = 0;
      items.forEach(function (item) {
        var hit = item.dataset.name.indexOf(wanted) >= 0;
        item.hidden = !hit;
        if (hit) shown += 1;
      });
      told.textContent = wanted ? shown + " of " + items.length : "";
    });
  }

  function measure(cell) {
    var after = cell.querySelector(".after, .same");
    var text = (after || cell).textContent.replace(/[,%<>]/g, "").replace("\u2212", "-").trim();
    return { number: parseFloat(text), text: cell.textContent.trim() };
  }
  document.querySelectorAll("table.rows thead th").forEach(function (head, column) {
    if (column === 1) return;
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      var body = head.closest("table").tBodies[0];
      head.parentNode.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      Array.prototype.slice.call(body.rows)
        .map(function (row) { return { row: row, key: measure(row.cells[column]) }; })
        .sort(function (a, b) {
          var x = a.key.number, y = b.key.number, order;
          if (x !== x && y !== y) order = a.key.text.localeCompare(b.key.text);
          else if (x !== x) return 1;
          else if (y !== y) return -1;
          else order = x - y;
          return down ? -order : order;
        })
        .forEach(function (entry) { body.appendChild(entry.row); });
    });
  });
})();
