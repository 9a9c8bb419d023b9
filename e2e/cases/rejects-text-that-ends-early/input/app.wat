(component
  (core module
