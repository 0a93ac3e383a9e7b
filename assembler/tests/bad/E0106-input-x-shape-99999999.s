.input x shape=[99999999]  ;//~ ERROR E0106 @1
