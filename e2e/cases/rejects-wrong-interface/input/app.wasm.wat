(component
  (import "wasi:cli/environment@0.2.0" (instance (export "no-such-thing" (func))))
  (instance $empty)
  (export "wasi:http/incoming-handler@0.2.0" (instance $empty)))
