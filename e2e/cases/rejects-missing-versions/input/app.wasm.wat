(component
  (import "wasi:http/types@0.9.0" (instance))
  (import "wasi:io/streams@0.3.0" (instance))
  (import "wasi:clocks/wall-clock@0.2.0" (instance))
  (instance $empty)
  (export "wasi:http/incoming-handler@0.2.0" (instance $empty)))
