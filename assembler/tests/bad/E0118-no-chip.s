.profile tini  ;//~ ERROR E0118 @10
.drain x  ;//~ ERROR E0006 @8
