import init from "{bindings}";

const theme = localStorage.getItem("muster.theme");
if (theme) document.documentElement.dataset.theme = theme;
init({ module_or_path: "{program}" });
