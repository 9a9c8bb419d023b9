(component
  (core module
    (func (export "run")
      (i32.cosnt 1))))
