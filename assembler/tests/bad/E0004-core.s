.core
;//~^ ERROR E0004 @6
