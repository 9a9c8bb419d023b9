// An app in JavaScript: greets at `/` and sends a body back at `/echo`.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

function answer(request) {
  const { pathname } = new URL(request.url);
  if (request.method === "GET" && pathname === "/") {
    return new Response("hello from javascript\n");
  }
  if (request.method === "POST" && pathname === "/echo") {
    return new Response(request.body);
  }
  return new Response("not found\n", { status: 404 });
}
