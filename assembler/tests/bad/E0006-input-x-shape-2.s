.input x shape=[2]
.element core 0 axon 0  ;//~ ERROR E0006 @10
