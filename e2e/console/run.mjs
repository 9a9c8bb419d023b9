// Runs one spec: `run.mjs SPEC '{"hosts": [...], "password": "...", ...}'`.
const [spec, told] = process.argv.slice(2);
const { default: run } = await import(`./${spec}.spec.mjs`);
await run(JSON.parse(told));
process.exit(0);
