"use strict";
// Says in words what the chosen crontab means, below its field.
(() => {
  const data = document.getElementById("readable-crontabs");
  const select = document.getElementById("id_crontab");
  const help = document.querySelector(".field-crontab .help");
  if (!data || !select || !help) return;
  const words = JSON.parse(data.textContent);
  const line = document.createElement("div");
  help.append(line);
  const show = () => { line.textContent = words[select.value] || ""; };
  select.addEventListener("change", show);
  show();
  const translation = document.querySelector(".field-crontab_translation");
  if (translation) translation.hidden = true;
})();
