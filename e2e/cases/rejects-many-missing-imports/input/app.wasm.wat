(component
  (import "acme:gadget/part-a@1.0.0" (instance))
  (import "acme:gadget/part-b@1.0.0" (instance))
  (import "acme:gadget/part-c@1.0.0" (instance))
  (import "acme:gadget/part-d@1.0.0" (instance))
  (import "acme:gadget/part-e@1.0.0" (instance))
  (instance $empty)
  (export "wasi:http/incoming-handler@0.2.0" (instance $empty)))
