(component
  (import "acme:gadget/api@1.2.0" (instance))
  (import "wasi:nn/tensor@0.2.0-rc-2024-10-28" (instance))
  (import "wasi:http/types@0.2.0" (instance))
  (instance $empty)
  (export "wasi:http/incoming-handler@0.2.0" (instance $empty)))
