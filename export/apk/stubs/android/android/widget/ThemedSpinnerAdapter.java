package android.widget;

public interface ThemedSpinnerAdapter extends SpinnerAdapter {}
