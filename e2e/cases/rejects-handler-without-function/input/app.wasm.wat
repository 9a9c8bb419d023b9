(component
  (instance $empty)
  (export "wasi:http/incoming-handler@0.2.0" (instance $empty)))
