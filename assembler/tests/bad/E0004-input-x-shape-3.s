.input x shape=3  ;//~ ERROR E0004 @16
