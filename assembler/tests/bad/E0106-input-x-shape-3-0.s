.input x shape=[3 0]  ;//~ ERROR E0106 @19
