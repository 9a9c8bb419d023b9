(component
  (instance $empty)
  (export "wasi:cli/run@0.2.6" (instance $empty))
  (export "acme:shop/cart@1.0.0" (instance $empty)))
